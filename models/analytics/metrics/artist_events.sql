{#- The events of an artist lie in the scope of the event's scene, wherever those who came are at home. -#}

with artists as (
    select * from {{ ref('stg_artist_bands') }}
),

events as (
    select
        events.artist_band_id,
        events.event_id,
        events.community_id as scene_id,
        events.ends_at,
        {{ stable_id(['events.community_id', 'cast(events.starts_at as date)']) }} as visit_id
    from {{ ref('stg_events') }} as events
    inner join artists
        on events.artist_band_id = artists.artist_band_id
),

attendances as (
    select distinct
        event_id,
        user_id
    from {{ ref('artist_response') }}
    where response = 'check_in'
),

scoped_events as (
    {{ scoped('events') | indent(4) }}
),

scope_windows as (
    {{ scope_windows() | indent(4) }}
),

by_artist as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        events.artist_band_id,
        count(distinct events.event_id) as ended_events,
        count(distinct events.visit_id) as visits,
        count(attendances.user_id) as attendances,
        count(distinct attendances.user_id) as attendees
    from scope_windows
    inner join scoped_events as events
        on
            scope_windows.scope_id = events.scope_id
            and events.ends_at >= scope_windows.starts_at
            and events.ends_at < scope_windows.as_of
    left join attendances
        on events.event_id = attendances.event_id
    group by all
),

badges as (
    select
        *,
        1 as event_badge
    from by_artist
    where attendances > 0
)

{{ unpivoted('by_artist', [
    {
        'name': 'artist_attendance_per_event', 'numerator': 'attendances', 'denominator': 'ended_events',
        'cohort': 'attendees',
    },
    {
        'name': 'artist_attendance_per_visit', 'numerator': 'attendances', 'denominator': 'visits',
        'cohort': 'attendees',
    },
], 'artist', 'artist_band_id') }}
union all
{{ unpivoted('badges', [{'name': 'event_badge', 'cohort': 'attendees'}], 'artist', 'artist_band_id') }}
