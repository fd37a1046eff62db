with history as (
    {{ history_rows('tracks') }}
)

select
    id as track_id,
    title,
    duration as duration_seconds,
    uploadedById as uploaded_by_user_id,
    communityId as community_id,
    status,
    createdAt as created_at,
    artistBandId as artist_band_id,
    from_night,
    to_night
from history
