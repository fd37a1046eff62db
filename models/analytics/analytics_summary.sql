{%- set domains = ['listening', 'people', 'participation', 'rotation', 'activity_points'] -%}

with metrics as (
    {% for domain in domains %}
    {%- if not loop.first %}
    union all
    {% endif -%}
    select * from {{ ref(domain) }}
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
    metrics.window_days,
    metrics.tier,
    metrics.scope_id,
    scope.state,
    scope.city,
    scope.music_community,
    metrics.subject_type,
    metrics.subject_id,
    metrics.metric,
    metrics.value,
    metrics.numerator,
    metrics.denominator,
    metrics.cohort_size,
    false as is_suppressed
from metrics
inner join scope
    on metrics.scope_id = scope.scope_id
cross join as_of
