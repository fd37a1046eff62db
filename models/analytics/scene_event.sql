with events as (
    select * from {{ ref('stg_events') }}
),

attended as (
    select distinct attendances.event_id
    from {{ ref('stg_event_attendances') }} as attendances
    inner join {{ ref('as_of') }} as as_of
        on attendances.checked_in_at < as_of.as_of
),

attendance as (
    select count(*) > 0 as is_delivered
    from {{ ref('delivery') }}
    where table_name = 'event_attendances' and status = 'accepted'
)

select
    events.*,
    events.community_id as scene_id,
    case when attendance.is_delivered then attended.event_id is not null end as is_attended
from events
cross join attendance
left join attended
    on events.event_id = attended.event_id
