with attendances as (
    select * from {{ ref('stg_event_attendances') }}
)

select
    {{ act_columns(
        'attendance', 'event_attendances', 'attendances.event_attendance_id', 'attendances.tie_order',
        'attendances.user_id', 'attendances.checked_in_at', 'attendances.export_date', 'attendances.delivery_id',
        once_id='attendances.event_id', event_id='attendances.event_id'
    ) }}
from attendances
