with registry as (
    select * from {{ ref('known_metric') }}
),

-- Points come by a way of their own: what nobody withholds need not meet what knows of listening.
points as (
    select
        activity_points.*,
        registry.is_point_in_time,
        false as is_suppressed
    from {{ ref('activity_points') }} as activity_points
    inner join registry
        on
            activity_points.metric = registry.metric
            and {{ is_asked_for('registry', 'activity_points.tier', 'activity_points.window_days') }}
),

numbers as (
    {%- for relation in [ref('shown_value'), 'points'] %}
    select
        tier,
        scope_id,
        window_days,
        is_point_in_time,
        subject_type,
        subject_id,
        metric,
        value,
        numerator,
        denominator,
        coverage,
        cohort_size,
        is_suppressed
    from {{ relation }}
    where bucket is null
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
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
