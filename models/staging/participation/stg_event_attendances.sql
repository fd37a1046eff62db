with standing as (
    {{ standing_rows('event_attendances') }}
)

select
    id as event_attendance_id,
    userId as user_id,
    eventId as event_id,
    checkedInAt as checked_in_at,
    method,
    createdAt as created_at,
    night as export_date,
    delivery_id,
    tie_order
from standing
