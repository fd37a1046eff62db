with attendances as (
    select * from {{ ref('stg_event_attendances') }}
),

events as (
    select * from {{ ref('known_event') }}
)

select
    {{ act_columns(
        'attendance', 'event_attendances', 'attendances.event_attendance_id', 'attendances.tie_order',
        'attendances.user_id', 'attendances.checked_in_at', 'attendances.export_date', 'attendances.delivery_id',
        once_id='attendances.event_id', owner_user_id='events.created_by_user_id',
        owner_band_id='events.artist_band_id'
    ) }}
from attendances
left join events
    on attendances.event_id = events.event_id
