with residents as (
    select * from {{ ref('resident') }}
),

first_vote as (
    select
        user_id,
        cast(min(created_at) as date) as voted_on
    from {{ ref('stg_track_votes') }}
    group by all
),

first_attendance as (
    select
        user_id,
        cast(min(checked_in_at) as date) as attended_on
    from {{ ref('verified_attendance') }}
    group by all
),

newcomers as (
    select
        residents.user_id,
        residents.scene_id,
        residents.created_at,
        {{ days_apart('cast(residents.created_at as date)', 'first_vote.voted_on') }} as days_to_vote,
        {{ days_apart('cast(residents.created_at as date)', 'first_attendance.attended_on') }}
            as days_to_attendance
    from residents
    left join first_vote
        on residents.user_id = first_vote.user_id
    left join first_attendance
        on residents.user_id = first_attendance.user_id
),

scoped as (
    {{ scoped('newcomers') | indent(4) }}
),

scope_windows as (
    {{ scope_windows() | indent(4) }}
),

by_scope as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        count(scoped.user_id) as new_users,
        count(scoped.days_to_vote) as voters,
        count(scoped.user_id) - count(scoped.days_to_vote) as without_vote,
        sum(scoped.days_to_vote) as days_to_vote,
        count(scoped.days_to_attendance) as attendees,
        sum(scoped.days_to_attendance) as days_to_attendance
    from scope_windows
    left join scoped
        on
            scope_windows.scope_id = scoped.scope_id
            and scoped.created_at >= scope_windows.starts_at
            and scoped.created_at < scope_windows.as_of
    group by all
)

{{ unpivoted('by_scope', [
    {'name': 'new_users', 'cohort': 'new_users'},
    {
        'name': 'never_voted_share', 'numerator': 'without_vote', 'denominator': 'new_users',
        'cohort': 'without_vote',
    },
    {
        'name': 'days_to_first_vote_avg', 'numerator': 'days_to_vote', 'denominator': 'voters',
        'cohort': 'voters',
    },
    {
        'name': 'days_to_first_attendance_avg', 'numerator': 'days_to_attendance', 'denominator': 'attendees',
        'cohort': 'attendees',
    },
]) }}
