with engagements as (
    select * from {{ ref('stg_track_engagements') }}
),

tracks as (
    select * from {{ ref('stg_tracks') }}
),

thresholds as (
    select try_cast(value as integer) as change_days
    from {{ ref('metric_threshold') }}
    where metric = 'engagement_change_after_event' and threshold = 'change_days'
),

-- Nobody asks for all time, which would read every listen.
scope_windows as (
    select *
    from (
        {{ scope_windows() | indent(8) }}
    ) as every_window
    where window_days is not null
),

events as (
    select
        *,
        community_id as scene_id
    from {{ ref('stg_events') }}
    where
        ends_at >= (select min(starts_at) from scope_windows)
        and ends_at < (select max(as_of) from scope_windows)
),

spans as (
    select
        events.event_id,
        events.scene_id,
        events.artist_band_id,
        events.starts_at,
        events.ends_at,
        thresholds.change_days
    from events
    cross join thresholds
    cross join {{ ref('as_of') }} as as_of
    where events.ends_at <= {{ days_before('as_of.as_of', 'thresholds.change_days') }}
),

listens as (
    select
        spans.event_id,
        spans.scene_id,
        spans.ends_at,
        engagements.user_id,
        engagements.score,
        engagements.created_at >= spans.ends_at as is_after
    from spans
    inner join tracks
        on spans.artist_band_id = tracks.artist_band_id
    inner join engagements
        on
            tracks.track_id = engagements.track_id
            and (
                (
                    engagements.created_at >= {{ days_before('spans.starts_at', 'spans.change_days') }}
                    and engagements.created_at < spans.starts_at
                )
                or (
                    engagements.created_at >= spans.ends_at
                    and {{ days_before('engagements.created_at', 'spans.change_days') }} < spans.ends_at
                )
            )
),

changes as (
    select
        event_id,
        scene_id,
        ends_at,
        sum(case when is_after then score else -score end) as change,
        least(
            count(distinct user_id) filter (where is_after),
            count(distinct user_id) filter (where not is_after)
        ) as listeners
    from listens
    group by event_id, scene_id, ends_at
),

scoped_events as (
    {{ scoped('events') | indent(4) }}
),

scoped_changes as (
    {{ scoped('changes') | indent(4) }}
),

naming_artist as (
    select
        scope_windows.scope_id,
        scope_windows.window_days,
        count(events.artist_band_id) / count(*) as share
    from scope_windows
    inner join scoped_events as events
        on scope_windows.scope_id = events.scope_id and events.ends_at >= scope_windows.starts_at
    group by all
),

by_event as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        changes.event_id,
        changes.change,
        changes.listeners,
        naming_artist.share as naming_artist
    from scope_windows
    inner join scoped_changes as changes
        on scope_windows.scope_id = changes.scope_id and changes.ends_at >= scope_windows.starts_at
    inner join naming_artist
        on
            scope_windows.scope_id = naming_artist.scope_id
            and scope_windows.window_days = naming_artist.window_days
)

{{ unpivoted('by_event', [
    {'name': 'engagement_change_after_event', 'column': 'change', 'cohort': 'listeners',
     'coverage': 'naming_artist'}
], 'event', 'event_id') }}
