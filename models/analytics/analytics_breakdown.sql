with numbers as (
    select * from {{ ref('shown_value') }}
    where bucket is not null
),

scope as (
    select * from {{ ref('scope') }}
),

as_of as (
    select * from {{ ref('as_of') }}
)

select
    as_of.as_of_date,
    numbers.window_days,
    numbers.is_point_in_time,
    numbers.tier,
    numbers.scope_id,
    scope.state,
    scope.city,
    scope.music_community,
    numbers.subject_type,
    numbers.subject_id,
    numbers.metric,
    numbers.bucket,
    numbers.value,
    numbers.numerator,
    numbers.denominator,
    numbers.coverage,
    numbers.cohort_size,
    numbers.is_suppressed
from numbers
inner join scope
    on numbers.scope_id = scope.scope_id
cross join as_of
