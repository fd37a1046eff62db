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
    centre_latitude,
    centre_longitude,
    from_night,
    to_night
from history
