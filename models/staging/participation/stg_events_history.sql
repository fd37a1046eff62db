with history as (
    {{ history_rows('events') }}
)

select
    id as event_id,
    title,
    startDate as starts_at,
    endDate as ends_at,
    communityId as community_id,
    createdById as created_by_user_id,
    createdAt as created_at,
    artistBandId as artist_band_id,
    cell_north,
    cell_east,
    from_night,
    to_night
from history
