with standing as (
    {{ current_rows('communities') }}
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
    night as export_date
from standing
