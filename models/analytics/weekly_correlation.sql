with listening as (
    select
        *,
        date_trunc('week', engaged_on) as week
    from {{ ref('listening_day') }}
),

blasts as (
    select
        *,
        date_trunc('week', created_at) as week
    from {{ ref('signal_response') }}
    where action_type = 'BLAST'
),

events as (
    select
        *,
        date_trunc('week', starts_at) as week
    from {{ ref('stg_events') }}
),

tracks as (
    select * from {{ ref('stg_tracks') }}
),

artists as (
    select * from {{ ref('stg_artist_bands') }}
),

least_weeks as (
    select
        metric,
        try_cast(value as integer) as weeks
    from {{ ref('metric_threshold') }}
    where threshold = 'correlation_min_weeks'
),

-- The complete weeks of a window lie between two Mondays.
windows as (
    select
        window_days,
        date_trunc('week', starts_at + interval 6 day) as first_monday,
        date_trunc('week', as_of) as last_monday
    from {{ ref('summary_window') }}
    where window_days is not null
),

-- How many things there were in a week and scene (x), and the engagement points that they are compared with (y).
facts as (
    select
        'blast_engagement_correlation' as metric,
        artists.home_scene_id as scene_id,
        blasts.week,
        count(*) as x,
        0 as y
    from blasts
    inner join artists
        on blasts.artist_band_id = artists.artist_band_id
    group by all
    union all
    select
        'blast_engagement_correlation' as metric,
        artists.home_scene_id as scene_id,
        listening.week,
        0 as x,
        sum(listening.engagement_points) as y
    from listening
    inner join tracks
        on listening.track_id = tracks.track_id
    inner join artists
        on tracks.artist_band_id = artists.artist_band_id
    group by all
    union all
    select
        'event_engagement_correlation' as metric,
        community_id as scene_id,
        week,
        count(*) as x,
        0 as y
    from events
    group by all
    union all
    select
        'event_engagement_correlation' as metric,
        scene_id,
        week,
        0 as x,
        sum(engagement_points) as y
    from listening
    group by all
),

scoped as (
    {{ scoped('facts') | indent(4) }}
),

by_week as (
    select
        scoped.metric,
        scoped.tier,
        scoped.scope_id,
        windows.window_days,
        windows.first_monday,
        windows.last_monday,
        scoped.week,
        {{ days_apart('windows.first_monday', 'windows.last_monday') }} / 7 as n,
        sum(scoped.x) as x,
        sum(scoped.y) as y
    from scoped
    inner join windows
        on scoped.week >= windows.first_monday and scoped.week < windows.last_monday
    group by all
),

-- Weeks in which nothing happened have no row and add 0. Sums of whole numbers are the same in any order.
sums as (
    select
        metric,
        tier,
        scope_id,
        window_days,
        first_monday,
        last_monday,
        n,
        sum(x) as x,
        sum(y) as y,
        sum(x * y) as xy,
        sum(x * x) as xx,
        sum(y * y) as yy
    from by_week
    group by all
),

spreads as (
    select
        *,
        n * xy - x * y as xy_spread,
        n * xx - x * x as x_spread,
        n * yy - y * y as y_spread
    from sums
)

select
    spreads.metric,
    spreads.tier,
    spreads.scope_id,
    spreads.window_days,
    spreads.first_monday,
    spreads.last_monday,
    greatest(-1, least(1, spreads.xy_spread / sqrt(spreads.x_spread * spreads.y_spread))) as correlation
from spreads
inner join least_weeks
    on spreads.metric = least_weeks.metric and spreads.n >= least_weeks.weeks
where spreads.x_spread > 0 and spreads.y_spread > 0
