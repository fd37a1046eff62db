with counts as (
    select * from {{ ref('scene_count') }}
),

scores as (
    select * from {{ ref('activity_score') }}
)

select
    counts.*,
    cast(coalesce(scores.points_on_day, 0) as bigint) as activity_points
from counts
left join scores
    on counts.scope_id = scores.scope_id and counts.day = scores.as_of_date
