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
    -- Half of a cell is no place.
    case when cell_east is not null then cell_north end as cell_north,
    case when cell_north is not null then cell_east end as cell_east,
    from_night,
    to_night
from history
