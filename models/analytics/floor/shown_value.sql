{#- A scene's row that is withheld stays, without a number; a group without a row in a scope is withheld there, too, as
    nobody may see that a denominator is zero. Rows of other subjects go, as if there were nobody. A metric that is never
    withheld says how many people it is about, and what part of them it knows, only where another that is about them is
    shown. -#}

with numbers as (
    select * from {{ ref('metric_value') }}
),

registry as (
    select * from {{ ref('known_metric') }}
),

decision as (
    {% for step in range(1, decision_steps() + 1) -%}
    select * from {{ ref('decision_' ~ step) }}
    {%- if not loop.last %}
    union all
    {% endif -%}
    {%- endfor %}
),

marked as (
    select
        numbers.*,
        registry.is_floored and coalesce(decision.is_withheld, true) as is_suppressed,
        coalesce(
            decision.is_withheld, registry.cohort_group is not null and privacy_floor.floor_people > 0
        ) as is_cohort_withheld
    from numbers
    inner join registry
        on numbers.metric = registry.metric
    left join decision
        on
            numbers.cell_key = decision.cell_key
            and numbers.scope_id = decision.scope_id
    cross join {{ ref('privacy_floor') }} as privacy_floor
),

-- A bucket is told where any scope shows it.
told_buckets as (
    select distinct
        metric,
        bucket
    from marked
    where bucket is not null and not is_suppressed
),

buckets as (
    select
        metric,
        bucket
    from told_buckets
    union all
    select
        metric,
        cast(null as string) as bucket
    from registry
    where concat(';', coalesce(surface, ''), ';') not like '%;analytics_breakdown;%'
),

possible as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        registry.metric,
        buckets.bucket,
        registry.is_point_in_time,
        {{ cell_key(
            'registry.cohort_group', "'scene'", 'null', 'scope_windows.window_days', 'buckets.bucket'
        ) | indent(8) }} as cell_key
    from registry
    inner join buckets
        on registry.metric = buckets.metric
    inner join (
        {{ scope_windows() | indent(8) }}
    ) as scope_windows
        on {{ is_asked_for('registry', 'scope_windows.tier', 'scope_windows.window_days') }}
    where registry.is_floored and registry.subject_type like 'scene%'
),

absent as (
    select possible.*
    from possible
    left join numbers
        on
            possible.metric = numbers.metric
            and possible.scope_id = numbers.scope_id
            and possible.window_days is not distinct from numbers.window_days
            and possible.bucket is not distinct from numbers.bucket
            and numbers.subject_type = 'scene'
    left join decision
        on possible.cell_key = decision.cell_key and possible.scope_id = decision.scope_id
    left join {{ ref('sceneless_scope') }} as sceneless_scope
        on possible.scope_id = sceneless_scope.scope_id
    cross join {{ ref('privacy_floor') }} as privacy_floor
    where
        numbers.metric is null
        and privacy_floor.floor_people > 0
        and coalesce(decision.is_withheld, sceneless_scope.scope_id is null)
)

select
    tier,
    scope_id,
    window_days,
    subject_type,
    subject_id,
    metric,
    bucket,
    case when not is_suppressed then value end as value,
    case when not is_suppressed then numerator end as numerator,
    case when not is_suppressed then denominator end as denominator,
    case when not is_cohort_withheld then coverage end as coverage,
    case when not is_cohort_withheld then cohort_size end as cohort_size,
    is_point_in_time,
    is_suppressed
from marked
where
    not is_suppressed
    or (subject_type = 'scene' and bucket is null)
    or (subject_type = 'scene' and exists (
        select 1 from told_buckets
        where told_buckets.metric = marked.metric and told_buckets.bucket = marked.bucket
    ))
union all
select
    tier,
    scope_id,
    window_days,
    'scene' as subject_type,
    scope_id as subject_id,
    metric,
    bucket,
    null as value,
    null as numerator,
    null as denominator,
    null as coverage,
    null as cohort_size,
    is_point_in_time,
    true as is_suppressed
from absent
