with history as (
    {{ history_rows('signals') }}
)

select
    id as signal_id,
    type as signal_type,
    {{ id_or_null(json_text('metadata', 'artistBandId')) }} as artist_band_id,
    communityId as community_id,
    createdById as created_by_user_id,
    createdAt as created_at,
    from_night,
    to_night
from history
