with standing as (
    {{ open_states('communities') }}
)

select
    community_id,
    name,
    slug,
    member_count,
    is_active,
    city,
    state,
    music_community,
    tier,
    created_at,
    export_date
from standing
