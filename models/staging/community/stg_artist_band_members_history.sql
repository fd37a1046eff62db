with history as (
    {{ history_rows('artist_band_members') }}
)

select
    id as artist_band_member_id,
    artistBandId as artist_band_id,
    userId as user_id,
    role,
    createdAt as created_at,
    from_night,
    to_night
from history
