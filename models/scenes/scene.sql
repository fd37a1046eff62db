with states as (
    select
        *,
        row_number() over (partition by community_id order by from_night desc) as recency
    from {{ ref('stg_communities_history') }}
)

select
    community_id as scene_id,
    name,
    city,
    state,
    music_community,
    cast(created_at as date) as founded_on,
    to_night as gone_on
from states
where recency = 1 and tier = 'city'
