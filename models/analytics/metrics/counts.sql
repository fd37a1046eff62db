with named as (
    select
        metric,
        windows = 'point_in_time' as is_point_in_time,
        cohort is not null as is_about_people
    from {{ ref('metric') }}
    where computed_by = 'counts'
    union all
    select
        metric,
        is_point_in_time,
        true as is_about_people
    from {{ ref('metric_part') }}
),

window_starts as (
    {{ window_starts() | indent(4) }}
),

-- What is still to happen counts in no window.
counted as (
    select
        countable.metric,
        countable.scene_id,
        countable.counted_id,
        countable.user_id,
        {{ in_windows('number', 'countable.happened_at') | indent(8) }}
    from {{ ref('countable') }} as countable
    inner join named
        on countable.metric = named.metric
    cross join window_starts
    cross join {{ ref('as_of') }} as as_of
    where named.is_point_in_time or countable.happened_at < as_of.as_of
),

things as (
    {{ ids_in_scopes('counted', ['metric'], 'counted_id', of_windows('number')) | indent(4) }}
),

people as (
    {{ ids_in_scopes('counted', ['metric'], 'user_id', of_windows('number')) | indent(4) }}
),

scope_windows as (
    {{ scope_windows() | indent(4) }}
),

-- A scope in which nothing happened has a row that says so.
every_count as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        named.metric,
        named.is_about_people
    from scope_windows
    cross join named
)

select
    every_count.tier,
    every_count.scope_id,
    every_count.window_days,
    'scene' as subject_type,
    every_count.scope_id as subject_id,
    every_count.metric,
    cast(null as string) as bucket,
    cast(coalesce({{ of_window('things.number', 'every_count.window_days') }}, 0) as double) as value,
    cast(null as bigint) as numerator,
    cast(null as bigint) as denominator,
    cast(null as double) as coverage,
    case
        when every_count.is_about_people
            then coalesce({{ of_window('people.number', 'every_count.window_days') }}, 0)
    end as cohort_size
from every_count
left join things
    on every_count.scope_id = things.scope_id and every_count.metric = things.metric
left join people
    on every_count.scope_id = people.scope_id and every_count.metric = people.metric
