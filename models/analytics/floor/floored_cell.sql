with numbers as (
    select * from {{ ref('metric_value') }}
),

registry as (
    select * from {{ ref('known_metric') }}
    where is_floored
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
    min(case when registry.is_share_of_people then numbers.denominator - numbers.numerator end) as others,
    -- Of the lesser of two, 0 is not nobody: without the other there would be no row.
    bool_and(
        numbers.subject_type = 'scene'
        and coalesce(numbers.cohort_size, 0) = 0
        and registry.cohort not like 'the lesser of %'
    ) as is_nobody,
    bool_or(numbers.denominator is not null) as is_divided
from numbers
inner join registry
    on numbers.metric = registry.metric
group by all
