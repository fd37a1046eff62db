with attendances as (
    select * from {{ ref('stg_event_attendances') }}
)

select
    'attendance' as rule_id,
    user_id,
    checked_in_at as occurred_at,
    'event_attendances' as source_table,
    event_attendance_id as source_id,
    cast(null as uuid) as scene_id,
    export_date,
    true as is_verified,
    event_id as once_id
from attendances
