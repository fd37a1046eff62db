with events as (
    select * from {{ ref('scene_event') }}
),

active_artists as (
    select
        scene_id,
        counted_id as artist_band_id
    from {{ ref('countable') }}
    where metric = 'active_artists'
),

active_artist_counts as (
    select * from {{ ref('counts') }}
    where metric = 'active_artists' and window_days is null
),

-- The staged cells are of 0.05 degrees.
thresholds as (
    select cast(round(try_cast(value as double) / 0.05) as integer) as staged_cells
    from {{ ref('metric_threshold') }}
    where metric = 'events_by_cell' and threshold = 'cell_degrees'
),

scope_windows as (
    {{ scope_windows() | indent(4) }}
),

scoped_events as (
    {{ scoped('events') | indent(4) }}
),

scoped_active_artists as (
    {{ scoped('active_artists') | indent(4) }}
),

growth as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        count(*) filter (where events.created_at >= scope_windows.starts_at) as created,
        count(*) filter (where events.created_at < scope_windows.starts_at) as created_before
    from scope_windows
    inner join scoped_events as events
        on
            scope_windows.scope_id = events.scope_id
            and events.created_at >= scope_windows.starts_before
            and events.created_at < scope_windows.as_of
    group by all
),

by_artist as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        events.artist_band_id,
        count(*) as created,
        count(distinct events.created_by_user_id) as creators
    from scope_windows
    inner join scoped_events as events
        on
            scope_windows.scope_id = events.scope_id
            and events.created_at >= scope_windows.starts_at
            and events.created_at < scope_windows.as_of
    where events.artist_band_id is not null
    group by all
),

naming_active_artist as (
    select distinct
        events.scope_id,
        events.event_id,
        events.created_at
    from scoped_events as events
    inner join scoped_active_artists as artists
        on events.scope_id = artists.scope_id and events.artist_band_id = artists.artist_band_id
),

per_active_artist as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        active_artist_counts.value as active_artists,
        count(events.event_id) as created
    from scope_windows
    inner join active_artist_counts
        on scope_windows.scope_id = active_artist_counts.scope_id
    left join naming_active_artist as events
        on
            scope_windows.scope_id = events.scope_id
            and events.created_at >= scope_windows.starts_at
            and events.created_at < scope_windows.as_of
    group by all
),

ended as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        count(events.event_id) as events,
        avg(cast(events.is_attended as integer)) as attended_share
    from scope_windows
    left join scoped_events as events
        on
            scope_windows.scope_id = events.scope_id
            and events.ends_at >= scope_windows.starts_at
            and events.ends_at < scope_windows.as_of
    group by all
),

by_cell as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        concat(
            cast(cast(floor(events.cell_north / thresholds.staged_cells) as integer) as string),
            '|',
            cast(cast(floor(events.cell_east / thresholds.staged_cells) as integer) as string)
        ) as cell,
        count(*) as events,
        count(distinct events.created_by_user_id) as creators
    from scope_windows
    inner join scoped_events as events
        on
            scope_windows.scope_id = events.scope_id
            and events.starts_at >= scope_windows.starts_at
            and events.starts_at < scope_windows.as_of
    cross join thresholds
    where events.cell_north is not null and events.cell_east is not null
    group by all
)

{{ unpivoted('by_artist', [
    {'name': 'events_created', 'column': 'created', 'cohort': 'creators'}
], 'artist', 'artist_band_id') }}
union all
{{ unpivoted('growth', [
    {'name': 'event_growth_rate', 'numerator': '(created - created_before)', 'denominator': 'created_before'}
]) }}
union all
{{ unpivoted('per_active_artist', [
    {'name': 'events_per_active_artist', 'numerator': 'created', 'denominator': 'active_artists'}
]) }}
union all
{{ unpivoted('ended', [
    {'name': 'events_hosted', 'column': 'events', 'coverage': 'attended_share'}
]) }}
union all
{{ unpivoted('by_cell', [
    {'name': 'events_by_cell', 'column': 'events', 'cohort': 'creators', 'bucket': 'cell'}
]) }}
