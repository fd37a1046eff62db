with sessions as (
    select * from {{ ref('listening_session') }}
),

scope_windows as (
    {{ scope_windows() | indent(4) }}
),

scoped as (
    {{ scoped('sessions') | indent(4) }}
),

in_scope as (
    select
        scope_id,
        user_id,
        session_id,
        min(started_at) as started_at,
        max(last_listen_at) as last_listen_at,
        max_by(last_track_seconds, last_listen_at) filter (where last_track_seconds is not null)
            as last_track_seconds,
        sum(listens) as listens
    from scoped
    group by all
),

timed as (
    select
        *,
        floor({{ milliseconds_apart('started_at', 'last_listen_at') }} / 1000) + last_track_seconds as seconds
    from in_scope
),

by_scope as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        count(*) as sessions,
        count(distinct timed.user_id) as listeners,
        count(*) filter (where timed.started_at >= scope_windows.starts_at) as sessions_begun,
        count(*) filter (
            where timed.started_at >= scope_windows.starts_at and timed.listens > 1
        ) as sessions_measured,
        sum(timed.seconds) filter (where timed.started_at >= scope_windows.starts_at) as seconds
    from scope_windows
    inner join timed
        on scope_windows.scope_id = timed.scope_id and timed.last_listen_at >= scope_windows.starts_at
    group by all
)

{{ unpivoted('by_scope', [
    {
        'name': 'sessions_per_listener_avg',
        'numerator': 'sessions',
        'denominator': 'listeners',
        'cohort': 'listeners',
    },
    {
        'name': 'sessions_per_listener_week',
        'numerator': '(7 * sessions)',
        'denominator': '(window_days * listeners)',
        'cohort': 'listeners',
    },
    {
        'name': 'session_minutes_avg',
        'numerator': 'seconds',
        'denominator': '(60 * sessions_begun)',
        'coverage': 'cast(sessions_measured as double) / sessions_begun',
        'cohort': 'listeners',
    },
]) }}
