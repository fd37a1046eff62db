with activity as (
    select
        user_id,
        cast(created_at as date) as active_on,
        true as is_listening
    from {{ ref('stg_track_engagements') }}
    union
    select
        user_id,
        cast(created_at as date) as active_on,
        false as is_listening
    from {{ ref('stg_signal_actions') }}
    union
    select
        user_id,
        cast(created_at as date) as active_on,
        false as is_listening
    from {{ ref('stg_track_votes') }}
    union
    select
        user_id,
        cast(created_at as date) as active_on,
        false as is_listening
    from {{ ref('stg_follows') }}
    union
    select
        attendances.user_id,
        cast(attendances.checked_in_at as date) as active_on,
        false as is_listening
    from {{ ref('stg_event_attendances') }} as attendances
    inner join {{ ref('as_of') }} as as_of
        on attendances.checked_in_at < as_of.as_of
)

select
    activity.active_on,
    activity.user_id,
    home_scene.scene_id,
    bool_or(activity.is_listening) as is_listening
from activity
{{ join_home_scene('activity', 'user_id', 'activity.active_on') }}
group by all
