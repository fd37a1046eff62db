with scenes as (
    select
        community_id as scene_id,
        city,
        state,
        centre_latitude,
        centre_longitude
    from {{ ref('stg_communities') }}
    where tier = 'city'
),

scoped as (
    {{ scoped('scenes') | indent(4) }}
),

scope as (
    select * from {{ ref('scope') }}
),

registry as (
    select * from {{ ref('metric') }}
    where metric = 'scene_map_points'
)

-- Scenes are points of their own, a state shows its cities, and the nation its states.
select
    scoped.tier,
    scoped.scope_id,
    case when scoped.tier = 'city' then scoped.scene_id end as point_scene_id,
    case when scoped.tier <> 'national' then scoped.city end as city,
    case when scoped.tier = 'national' then scoped.state else scope.state end as state,
    scope.music_community,
    scoped.scene_id,
    scoped.centre_latitude,
    scoped.centre_longitude
from scoped
inner join scope
    on scoped.scope_id = scope.scope_id
-- What has no state, or no music community, is no place that the app draws a map of.
inner join registry
    on concat(';', registry.tiers, ';') like concat('%;', scoped.tier, ';%')
where not scope.is_unscoped
