with history as (
    {{ history_rows('communities') }}
)

select
    id as community_id,
    name,
    slug,
    memberCount as member_count,
    isActive as is_active,
    city,
    state,
    musicCommunity as music_community,
    tier,
    createdAt as created_at,
    -- Half a point is none.
    case when centre_longitude is not null then centre_latitude end as centre_latitude,
    case when centre_latitude is not null then centre_longitude end as centre_longitude,
    from_night,
    to_night
from history
