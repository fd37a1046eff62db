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

registry as (
    select
        *,
        windows = 'point_in_time' as is_point_in_time
    from {{ ref('metric') }}
),

as_of as (
    select * from {{ ref('as_of') }}
)

select
    as_of.as_of_date,
    metrics.window_days,
    registry.is_point_in_time,
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
    metrics.coverage,
    metrics.cohort_size,
    false as is_suppressed
from metrics
inner join scope
    on metrics.scope_id = scope.scope_id
-- A metric has the windows and the tiers that its line in the registry names.
inner join registry
    on
        metrics.metric = registry.metric
        and concat(';', registry.tiers, ';') like concat('%;', metrics.tier, ';%')
        and (
            (registry.is_point_in_time and metrics.window_days is null)
            or concat(';', registry.windows, ';')
            like concat('%;', coalesce(cast(metrics.window_days as varchar), 'all'), ';%')
        )
cross join as_of
