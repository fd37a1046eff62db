with ledger as (
    select * from {{ ref('ledger') }}
),

points_by_scene as (
    select
        scene_id,
        occurred_on,
        sum(points) as points
    from ledger
    group by all
),

scoped_points as (
    {{ scoped('points_by_scene') | indent(4) }}
)

select
    scope_id,
    occurred_on,
    sum(points) as points
from scoped_points
group by all
