with activity as (
    select * from {{ ref('activity_window') }}
),

residents as (
    select * from {{ ref('resident') }}
),

windows as (
    select * from {{ ref('summary_window') }}
),

often as (
    select try_cast(value as integer) as actions
    from {{ ref('metric_threshold') }}
    where metric = 'members_acting_often_share'
),

edges as (
    select
        metric,
        try_cast(value as double) as edge
    from {{ ref('metric_threshold') }}
    where metric in ('flag_size_band', 'flag_colour_band')
),

scope_windows as (
    {{ scope_windows() | indent(4) }}
),

-- People where they were at home on the day.
scoped_activity as (
    {{ scoped('activity') | indent(4) }}
),

at_home as (
    select
        scope_id,
        window_days,
        count(distinct user_id) filter (where active_days > 0) as active_users,
        count(distinct user_id) filter (where active_days > 0 and was_active_anywhere) as returning_users,
        count(distinct user_id) filter (where active_days_before > 0) as active_before,
        count(distinct user_id) filter (where active_days_before > 0 and not is_active_anywhere) as not_again,
        sum(active_days) as person_days,
        sum(listens + civic_actions) as acts
    from scoped_activity
    group by all
),

-- Members where they are at home on the night.
activity_of_people as (
    select
        window_days,
        user_id,
        sum(listens) as listens,
        sum(civic_actions) as civic_actions,
        sum(attended_events) as attended_events
    from activity
    group by all
),

ever_active as (
    select distinct user_id from activity
),

members as (
    select
        residents.user_id,
        residents.scene_id,
        windows.window_days,
        ever_active.user_id is not null as is_ever_active,
        coalesce(activity_of_people.listens, 0) as listens,
        coalesce(activity_of_people.civic_actions, 0) as civic_actions,
        coalesce(activity_of_people.attended_events, 0) as attended_events
    from residents
    cross join windows
    left join activity_of_people
        on
            residents.user_id = activity_of_people.user_id
            and windows.window_days is not distinct from activity_of_people.window_days
    left join ever_active
        on residents.user_id = ever_active.user_id
),

scoped_members as (
    {{ scoped('members') | indent(4) }}
),

of_members as (
    select
        scoped_members.scope_id,
        scoped_members.window_days,
        count(*) as members,
        cast(count(*) filter (where scoped_members.is_ever_active) as double) / count(*) as ever_active_share,
        sum(scoped_members.civic_actions) as civic_actions,
        count(*) filter (where scoped_members.civic_actions > 0) as acting,
        count(*) filter (where scoped_members.civic_actions >= often.actions) as acting_often,
        count(*) filter (where scoped_members.listens > 0) as listening,
        count(*) filter (where scoped_members.listens > 0 and scoped_members.civic_actions = 0)
            as only_listening,
        count(*) filter (where scoped_members.attended_events > 0) as attending,
        count(*) filter (where scoped_members.attended_events > 1) as attending_twice
    from scoped_members
    cross join often
    group by all
),

by_scope as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        coalesce(at_home.active_users, 0) as active_users,
        coalesce(at_home.returning_users, 0) as returning_users,
        at_home.active_before,
        at_home.not_again,
        at_home.person_days,
        coalesce(at_home.acts, 0) as acts,
        of_members.members,
        of_members.ever_active_share,
        of_members.civic_actions,
        of_members.acting,
        of_members.acting_often,
        of_members.listening,
        of_members.only_listening,
        of_members.attending,
        of_members.attending_twice
    from scope_windows
    left join at_home
        on
            scope_windows.scope_id = at_home.scope_id
            and scope_windows.window_days is not distinct from at_home.window_days
    left join of_members
        on
            scope_windows.scope_id = of_members.scope_id
            and scope_windows.window_days is not distinct from of_members.window_days
),

flags as (
    select
        by_scope.tier,
        by_scope.scope_id,
        by_scope.window_days,
        by_scope.active_users,
        1 + count(*) filter (
            where
            edges.metric = 'flag_size_band'
            and edges.edge <= cast(by_scope.acts as double) / (by_scope.window_days * by_scope.members)
        ) as flag_size_band,
        1 + count(*) filter (
            where
            edges.metric = 'flag_colour_band'
            and edges.edge <= cast(by_scope.active_users as double) / by_scope.members
        ) as flag_colour_band
    from by_scope
    cross join edges
    where by_scope.members > 0 and by_scope.window_days is not null
    group by all
)

{{ unpivoted('by_scope', [
    {'name': 'active_users', 'cohort': 'active_users'},
    {'name': 'returning_users', 'cohort': 'returning_users', 'coverage': 'ever_active_share'},
    {
        'name': 'churn_rate', 'numerator': 'not_again', 'denominator': 'active_before',
        'cohort': 'not_again', 'coverage': 'ever_active_share',
    },
    {
        'name': 'active_days_per_user_avg', 'numerator': 'person_days', 'denominator': 'active_users',
        'cohort': 'active_users',
    },
    {
        'name': 'actions_per_member_avg', 'numerator': 'civic_actions', 'denominator': 'members',
        'cohort': 'acting',
    },
    {'name': 'members_acting_share', 'numerator': 'acting', 'denominator': 'members', 'cohort': 'acting'},
    {
        'name': 'members_acting_often_share', 'numerator': 'acting_often', 'denominator': 'members',
        'cohort': 'acting_often',
    },
    {
        'name': 'listening_only_share', 'numerator': 'only_listening', 'denominator': 'listening',
        'cohort': 'only_listening',
    },
    {
        'name': 'members_attending_share', 'numerator': 'attending', 'denominator': 'members',
        'cohort': 'attending',
    },
    {
        'name': 'repeat_attendance_rate', 'numerator': 'attending_twice', 'denominator': 'attending',
        'cohort': 'attending_twice',
    },
]) }}
union all
{{ unpivoted('flags', [
    {'name': 'flag_size_band', 'cohort': 'active_users'},
    {'name': 'flag_colour_band', 'cohort': 'active_users'},
]) }}
