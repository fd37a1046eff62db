with correlated as (
    select * from {{ ref('weekly_correlation') }}
),

artists as (
    select * from {{ ref('stg_artist_bands') }}
),

events as (
    select * from {{ ref('scene_event') }}
),

listeners as (
    select * from {{ ref('listening') }}
    where subject_type = 'scene' and metric = 'unique_listeners'
),

scope_windows as (
    {{ scope_windows() | indent(4) }}
),

blasts as (
    select
        signals.*,
        artists.artist_band_id is not null as names_artist,
        artists.home_scene_id as artist_scene_id
    from {{ ref('signal_response') }} as signals
    left join artists
        on signals.artist_band_id = artists.artist_band_id
    where signals.action_type = 'BLAST'
),

scoped_blasts as (
    {{ scoped('blasts') | indent(4) }}
),

blasts_on_signals as (
    select
        scope_windows.scope_id,
        scope_windows.window_days,
        count(*) as blasts,
        count(*) filter (where scoped_blasts.names_artist) as naming_artist
    from scope_windows
    inner join scoped_blasts
        on
            scope_windows.scope_id = scoped_blasts.scope_id
            and scoped_blasts.created_at >= scope_windows.starts_at
    group by all
),

blasts_for_artists as (
    select
        user_id,
        created_at,
        artist_scene_id as scene_id
    from blasts
    where names_artist
),

scoped_blasts_for_artists as (
    {{ scoped('blasts_for_artists') | indent(4) }}
),

by_blasts as (
    select
        correlated.tier,
        correlated.scope_id,
        correlated.window_days,
        correlated.correlation,
        cast(blasts_on_signals.naming_artist as double) / blasts_on_signals.blasts as coverage,
        count(distinct people.user_id) as blasters
    from correlated
    inner join scoped_blasts_for_artists as people
        on
            correlated.scope_id = people.scope_id
            and people.created_at >= correlated.first_monday
            and people.created_at < correlated.last_monday
    left join blasts_on_signals
        on
            correlated.scope_id = blasts_on_signals.scope_id
            and correlated.window_days = blasts_on_signals.window_days
    where correlated.metric = 'blast_engagement_correlation'
    group by all
),

scoped_events as (
    {{ scoped('events') | indent(4) }}
),

by_events as (
    select
        correlated.tier,
        correlated.scope_id,
        correlated.window_days,
        correlated.correlation,
        listeners.cohort_size as unique_listeners,
        avg(cast(scoped_events.is_attended as integer)) as coverage
    from correlated
    inner join scoped_events
        on
            correlated.scope_id = scoped_events.scope_id
            and scoped_events.starts_at >= correlated.first_monday
            and scoped_events.starts_at < correlated.last_monday
    inner join listeners
        on
            correlated.scope_id = listeners.scope_id
            and correlated.window_days = listeners.window_days
    where correlated.metric = 'event_engagement_correlation'
    group by all
)

{{ unpivoted('by_blasts', [
    {
        'name': 'blast_engagement_correlation',
        'column': 'correlation',
        'coverage': 'coverage',
        'cohort': 'blasters',
    },
]) }}
union all
{{ unpivoted('by_events', [
    {
        'name': 'event_engagement_correlation',
        'column': 'correlation',
        'coverage': 'coverage',
        'cohort': 'unique_listeners',
    },
]) }}
