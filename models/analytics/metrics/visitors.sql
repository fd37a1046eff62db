{#- An engagement carries no scene. The track's own scene stands for the place visited. -#}

with windows as (
    select * from {{ ref('summary_window') }}
    where window_days is not null
),

listening as (
    select
        listening_day.engaged_on,
        listening_day.user_id,
        listening_day.scene_id as home_scene_id,
        tracks.community_id as scene_id,
        sum(listening_day.listens) as listens
    from {{ ref('listening_day') }} as listening_day
    left join {{ ref('stg_tracks') }} as tracks
        on listening_day.track_id = tracks.track_id
    where listening_day.engaged_on >= (select min(starts_at) from windows)
    group by all
),

actions as (
    select
        scene_id,
        user_id,
        created_at
    from {{ ref('signal_response') }}
    where action_type in ('ADD', 'BLAST')
),

scope as (
    select * from {{ ref('scope') }}
),

scene as (
    select * from {{ ref('scene') }}
),

scene_scope as (
    select * from {{ ref('scene_scope') }}
),

scope_windows as (
    {{ scope_windows() | indent(4) }}
),

scoped_listening as (
    {{ scoped('listening') | indent(4) }}
),

scoped_actions as (
    {{ scoped('actions') | indent(4) }}
),

-- One row per scope, listener and day.
days as (
    select
        scoped_listening.scope_id,
        scoped_listening.user_id,
        cast(scoped_listening.engaged_on as timestamp) as happened_at,
        -- Who has no home in the tier is at home in its unscoped.
        coalesce(home.scope_id = scoped_listening.scope_id, scope.is_unscoped) as is_at_home
    from scoped_listening
    inner join scope
        on scoped_listening.scope_id = scope.scope_id
    left join scene_scope as home
        on scoped_listening.home_scene_id = home.scene_id and scoped_listening.tier = home.tier
    -- Nobody visits the platform: it holds everything.
    where scoped_listening.tier in (select tier from scene_scope)
    group by all
),

listeners as (
    select
        days.scope_id,
        windows.window_days,
        days.user_id,
        count(*) filter (where not days.is_at_home) as days_visiting,
        bool_or(days.is_at_home) as is_local
    from days
    inner join windows
        on days.happened_at >= windows.starts_at
    group by all
),

actors as (
    select
        scoped_actions.scope_id,
        windows.window_days,
        scoped_actions.user_id,
        count(*) as actions
    from scoped_actions
    inner join windows
        on scoped_actions.created_at >= windows.starts_at
    group by all
),

by_window as (
    select
        listeners.scope_id,
        listeners.window_days,
        count(*) filter (where listeners.days_visiting > 0) as visitors,
        count(*) filter (where listeners.is_local) as locals,
        sum(listeners.days_visiting) as visitor_days,
        coalesce(sum(actors.actions) filter (where listeners.days_visiting > 0), 0) as visitor_actions,
        count(actors.actions) filter (where listeners.days_visiting > 0) as visitors_acting
    from listeners
    left join actors
        on
            listeners.scope_id = actors.scope_id
            and listeners.window_days = actors.window_days
            and listeners.user_id = actors.user_id
    group by all
),

members_of_scope as (
    select
        scope_id,
        value as members
    from {{ ref('counts') }}
    where metric = 'members' and window_days is null
),

-- How much of what is heard, and of what is done, names a scene.
heard as (
    select
        windows.window_days,
        cast(sum(listening.listens) filter (where scene.scene_id is not null) as double)
        / sum(listening.listens) as share
    from listening
    inner join windows
        on cast(listening.engaged_on as timestamp) >= windows.starts_at
    left join scene
        on listening.scene_id = scene.scene_id
    group by all
),

done as (
    select
        windows.window_days,
        cast(count(scene.scene_id) as double) / count(*) as share
    from actions
    inner join windows
        on actions.created_at >= windows.starts_at
    left join scene
        on actions.scene_id = scene.scene_id
    group by all
),

by_scope as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        coalesce(by_window.visitors, 0) as visitors,
        coalesce(by_window.locals, 0) as locals,
        coalesce(by_window.visitor_days, 0) as visitor_days,
        by_window.visitor_actions,
        by_window.visitors_acting,
        scope_windows.window_days * members_of_scope.members as member_days,
        heard.share as heard_share,
        done.share as done_share
    from scope_windows
    left join by_window
        on scope_windows.scope_id = by_window.scope_id and scope_windows.window_days = by_window.window_days
    left join members_of_scope
        on scope_windows.scope_id = members_of_scope.scope_id
    left join heard
        on scope_windows.window_days = heard.window_days
    left join done
        on scope_windows.window_days = done.window_days
)

{{ unpivoted('by_scope', [
    {'name': 'visitors', 'cohort': 'visitors', 'coverage': 'heard_share'},
    {
        'name': 'visitor_density', 'numerator': 'visitor_days', 'denominator': 'member_days',
        'cohort': 'visitors', 'coverage': 'heard_share',
    },
    {
        'name': 'visitor_to_local_ratio', 'numerator': 'visitors', 'denominator': 'locals',
        'cohort': 'least(visitors, locals)', 'coverage': 'heard_share',
    },
    {
        'name': 'visitor_action_rate', 'numerator': 'visitor_actions', 'denominator': 'visitors',
        'cohort': 'visitors_acting', 'coverage': 'done_share',
    },
]) }}
