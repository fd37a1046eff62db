{#- Fixed thresholds (seeds/metric_threshold.csv) on numbers of other models. Artists are not compared. -#}

with listening as (
    select * from {{ ref('listening') }}
),

awareness as (
    select * from {{ ref('awareness') }}
),

thresholds as (
    select
        metric,
        threshold,
        try_cast(value as double) as value
    from {{ ref('metric_threshold') }}
    where metric in ('engagement_badge', 'badge_size_band', 'badge_colour_band')
),

adding as (
    select
        adders.tier,
        adders.scope_id,
        adders.window_days,
        adders.subject_id,
        adders.value as adders,
        listeners.value as listeners,
        adders.coverage
    from awareness as adders
    inner join listening as listeners
        on
            adders.scope_id = listeners.scope_id
            and adders.subject_id = listeners.subject_id
            and adders.window_days is not distinct from listeners.window_days
    where
        adders.metric = 'adders'
        and listeners.subject_type = 'artist'
        and listeners.metric = 'unique_listeners'
),

ratios as (
    select
        points.tier,
        points.scope_id,
        points.window_days,
        points.subject_id,
        'badge_size_band' as metric,
        points.value / listeners.value as ratio,
        cast(null as double) as coverage,
        points.cohort_size
    from listening as points
    inner join listening as listeners
        on
            points.scope_id = listeners.scope_id
            and points.window_days is not distinct from listeners.window_days
    where
        points.subject_type = 'artist'
        and points.metric = 'engagement_points'
        and listeners.subject_type = 'scene'
        and listeners.metric = 'unique_listeners'
    union all
    select
        tier,
        scope_id,
        window_days,
        subject_id,
        'badge_colour_band' as metric,
        adders / listeners as ratio,
        coverage,
        cast(adders as bigint) as cohort_size
    from adding
),

minimum as (
    select
        max(value) filter (where threshold = 'badge_min_adders') as adders,
        max(value) filter (where threshold = 'badge_min_listeners') as listeners
    from thresholds
    where metric = 'engagement_badge'
),

badges as (
    select
        ratios.tier,
        ratios.scope_id,
        ratios.window_days,
        ratios.subject_id,
        ratios.metric,
        1 + count(edges.value) as value,
        ratios.coverage,
        ratios.cohort_size
    from ratios
    left join thresholds as edges
        on ratios.metric = edges.metric and ratios.ratio >= edges.value
    group by all
    union all
    select
        adding.tier,
        adding.scope_id,
        adding.window_days,
        adding.subject_id,
        'engagement_badge' as metric,
        1 as value,
        adding.coverage,
        cast(adding.listeners as bigint) as cohort_size
    from adding
    inner join minimum
        on adding.adders >= minimum.adders and adding.listeners >= minimum.listeners
)

select
    tier,
    scope_id,
    window_days,
    'artist' as subject_type,
    subject_id,
    metric,
    cast(null as string) as bucket,
    cast(value as double) as value,
    cast(null as bigint) as numerator,
    cast(null as bigint) as denominator,
    coverage,
    cohort_size
from badges
