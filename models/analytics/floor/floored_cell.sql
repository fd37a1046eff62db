with numbers as (
    select * from {{ ref('metric_value') }}
),

registry as (
    select * from {{ ref('known_metric') }}
    where is_floored
),

privacy_floor as (
    select * from {{ ref('privacy_floor') }}
)

select
    numbers.cell_key,
    registry.cohort_group,
    numbers.window_days,
    numbers.is_point_in_time,
    numbers.subject_type,
    case when numbers.subject_type <> 'scene' then numbers.subject_id end as subject_id,
    numbers.bucket,
    numbers.scope_id,
    min(coalesce(numbers.cohort_size, 0)) as people,
    -- Of a share of people, those who are not in it must not be few, either.
    bool_or(
        registry.is_share_of_people
        and numbers.denominator > numbers.cohort_size
        and numbers.denominator < numbers.cohort_size + privacy_floor.floor_people
    ) as leaves_few
from numbers
inner join registry
    on numbers.metric = registry.metric
cross join privacy_floor
group by all
