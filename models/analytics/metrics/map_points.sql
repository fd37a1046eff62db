with points as (
    select distinct
        scope_id,
        point_scene_id,
        city,
        state
    from {{ ref('map_point_scene') }}
),

counted as (
    select
        scope_id,
        count(*) as points
    from points
    group by all
),

by_scope as (
    select
        scope.tier,
        scope.scope_id,
        cast(null as integer) as window_days,
        coalesce(counted.points, 0) as scene_map_points
    from {{ ref('scope') }} as scope
    left join counted
        on scope.scope_id = counted.scope_id
    where not scope.is_unscoped
)

{{ unpivoted('by_scope', [{'name': 'scene_map_points'}]) }}
