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

counted as (
    select
        countable.*,
        named.is_point_in_time
    from {{ ref('countable') }} as countable
    inner join named
        on countable.metric = named.metric
),

scoped as (
    {{ scoped('counted') | indent(4) }}
),

scope_windows as (
    {{ scope_windows() | indent(4) }}
),

counts as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        scoped.metric,
        count(distinct scoped.counted_id) as things,
        count(distinct scoped.user_id) as people
    from scope_windows
    inner join scoped
        on
            scope_windows.scope_id = scoped.scope_id
            and (
                (scoped.happened_at >= scope_windows.starts_at and scoped.happened_at < scope_windows.as_of)
                or (scoped.is_point_in_time and scope_windows.window_days is null)
            )
    group by all
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
    cast(coalesce(counts.things, 0) as double) as value,
    cast(null as bigint) as numerator,
    cast(null as bigint) as denominator,
    cast(null as double) as coverage,
    case when every_count.is_about_people then coalesce(counts.people, 0) end as cohort_size
from every_count
left join counts
    on
        every_count.scope_id = counts.scope_id
        and every_count.metric = counts.metric
        and every_count.window_days is not distinct from counts.window_days
