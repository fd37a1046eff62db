with follows as (
    select
        *,
        row_number() over (partition by user_id, entity_id order by created_at desc) = 1 as is_last
    from {{ ref('stg_follows') }}
),

attendances as (
    select
        attendances.user_id,
        attendances.checked_in_at
    from {{ ref('stg_event_attendances') }} as attendances
    inner join {{ ref('as_of') }} as as_of
        on attendances.checked_in_at < as_of.as_of
),

-- Every window ends at as-of. So what counts once in a window, counts on the last day of it.
attended_events as (
    select
        user_id,
        max(checked_in_at) as checked_in_at
    from {{ ref('verified_attendance') }}
    group by user_id, attendance_id
),

activity as (
    select
        user_id,
        engaged_on as active_on,
        listens,
        0 as civic_actions,
        0 as attended_events
    from {{ ref('listening_day') }}
    union all
    select
        user_id,
        cast(created_at as date) as active_on,
        0 as listens,
        1 as civic_actions,
        0 as attended_events
    from {{ ref('stg_signal_actions') }}
    union all
    select
        user_id,
        cast(created_at as date) as active_on,
        0 as listens,
        1 as civic_actions,
        0 as attended_events
    from {{ ref('stg_track_votes') }}
    union all
    select
        user_id,
        cast(created_at as date) as active_on,
        0 as listens,
        case when is_last then 1 else 0 end as civic_actions,
        0 as attended_events
    from follows
    union all
    select
        user_id,
        cast(checked_in_at as date) as active_on,
        0 as listens,
        1 as civic_actions,
        0 as attended_events
    from attendances
    union all
    select
        user_id,
        cast(checked_in_at as date) as active_on,
        0 as listens,
        0 as civic_actions,
        1 as attended_events
    from attended_events
)

select
    activity.active_on,
    activity.user_id,
    home_scene.scene_id,
    cast(sum(activity.listens) as bigint) as listens,
    cast(sum(activity.civic_actions) as bigint) as civic_actions,
    cast(sum(activity.attended_events) as bigint) as attended_events
from activity
{{ join_home_scene('activity', 'user_id', 'activity.active_on') }}
group by all
