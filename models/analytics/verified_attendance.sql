with attendances as (
    select * from {{ ref('stg_event_attendances') }}
),

as_of as (
    select * from {{ ref('as_of') }}
)

select
    attendances.event_id,
    attendances.user_id,
    attendances.checked_in_at,
    {{ stable_id(['attendances.event_id', 'attendances.user_id']) }} as attendance_id
from attendances
inner join as_of
    on attendances.checked_in_at < as_of.as_of
where attendances.method in ('qr_scan', 'location')
