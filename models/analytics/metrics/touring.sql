with events as (
    select
        *,
        community_id as scene_id
    from {{ ref('stg_events') }}
),

artists as (
    select * from {{ ref('stg_artist_bands') }}
),

windows as (
    select * from {{ ref('summary_window') }}
),

tours as (
    select
        tours.*,
        artists.home_scene_id as scene_id
    from {{ ref('tour') }} as tours
    left join artists
        on tours.artist_band_id = artists.artist_band_id
),

hosts as (
    select
        artists.artist_band_id,
        artists.home_scene_id as scene_id,
        windows.window_days,
        count(*) as events
    from artists
    inner join events
        on artists.artist_band_id = events.artist_band_id
    inner join windows
        on events.ends_at >= windows.starts_at and events.ends_at < windows.as_of
    group by all
),

scoped_events as (
    {{ scoped('events') | indent(4) }}
),

scoped_tours as (
    {{ scoped('tours') | indent(4) }}
),

scoped_hosts as (
    {{ scoped('hosts') | indent(4) }}
),

-- Only an event that names its artist can be seen to be part of a tour.
scope_windows as (
    select
        every_window.tier,
        every_window.scope_id,
        every_window.window_days,
        every_window.starts_at,
        every_window.as_of,
        count(events.artist_band_id) / nullif(count(events.event_id), 0) as naming_artist
    from (
        {{ scope_windows() | indent(8) }}
    ) as every_window
    left join scoped_events as events
        on
            every_window.scope_id = events.scope_id
            and events.starts_at >= every_window.starts_at
            and events.starts_at < every_window.as_of
    group by all
),

begun as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        scope_windows.naming_artist,
        count(tours.tour_id) as tours
    from scope_windows
    left join scoped_tours as tours
        on scope_windows.scope_id = tours.scope_id and tours.starts_at >= scope_windows.starts_at
    group by all
),

begun_by_artist as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        scope_windows.naming_artist,
        tours.artist_band_id,
        count(*) as tours
    from scope_windows
    inner join scoped_tours as tours
        on scope_windows.scope_id = tours.scope_id and tours.starts_at >= scope_windows.starts_at
    group by all
),

hosting as (
    select
        tier,
        scope_id,
        window_days,
        count(*) as artists,
        count(*) filter (where events >= 2) as repeating
    from scoped_hosts
    group by all
)

{{ unpivoted('begun', [{'name': 'tours', 'coverage': 'naming_artist'}]) }}
union all
{{ unpivoted('begun_by_artist', [
    {'name': 'tours', 'coverage': 'naming_artist'}
], 'artist', 'artist_band_id') }}
union all
{{ unpivoted('hosting', [
    {'name': 'artists_repeat_hosting_share', 'numerator': 'repeating', 'denominator': 'artists'}
]) }}
