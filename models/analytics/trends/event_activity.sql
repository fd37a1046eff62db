{#- Who said beforehand that they would come is not exported. A signal names an artist, not an event. -#}

with events as (
    select * from {{ ref('stg_events') }}
),

as_of as (
    select * from {{ ref('as_of') }}
),

check_ins as (
    select
        attendances.event_id,
        count(distinct attendances.user_id) filter (where attendances.method = 'qr_scan')
            as attendance_by_qr_scan,
        count(distinct attendances.user_id) filter (where attendances.method = 'location')
            as attendance_by_location,
        count(distinct attendances.user_id) filter (
            where attendances.method not in ('qr_scan', 'location')
        ) as attendance_not_verified
    from {{ ref('stg_event_attendances') }} as attendances
    inner join as_of
        on attendances.checked_in_at < as_of.as_of
    group by attendances.event_id
),

attended as (
    select
        event_id,
        user_id,
        min(checked_in_at) as checked_in_at
    from {{ ref('verified_attendance') }}
    group by event_id, user_id
),

in_order as (
    select
        event_id,
        row_number() over (partition by user_id order by checked_in_at, event_id) = 1 as is_first_event
    from attended
),

attendees as (
    select
        event_id,
        count(*) as verified_attendance,
        count(*) filter (where is_first_event) as first_timers
    from in_order
    group by event_id
),

blasts as (
    select
        events.event_id,
        count(*) as blasts
    from events
    inner join {{ ref('artist_response') }} as responses
        on
            events.artist_band_id = responses.artist_band_id
            and responses.response = 'blast'
            and responses.happened_at >= events.created_at
            and responses.happened_at <= events.ends_at
    group by events.event_id
),

of_event as (
    select
        events.event_id,
        events.community_id as scene_id,
        events.artist_band_id,
        events.created_at,
        events.starts_at,
        events.ends_at,
        events.ends_at < as_of.as_of as has_ended,
        coalesce(check_ins.attendance_by_qr_scan, 0) as attendance_by_qr_scan,
        coalesce(check_ins.attendance_by_location, 0) as attendance_by_location,
        coalesce(check_ins.attendance_not_verified, 0) as attendance_not_verified,
        coalesce(attendees.verified_attendance, 0) as verified_attendance,
        coalesce(attendees.first_timers, 0) as first_timers,
        coalesce(blasts.blasts, 0) as blasts
    from events
    cross join as_of
    left join check_ins
        on events.event_id = check_ins.event_id
    left join attendees
        on events.event_id = attendees.event_id
    left join blasts
        on events.event_id = blasts.event_id
)

select
    of_event.event_id,
    of_event.scene_id,
    of_event.artist_band_id,
    of_event.created_at,
    of_event.starts_at,
    of_event.ends_at,
    of_event.has_ended,
    {%- for number in [
        'attendance_by_qr_scan', 'attendance_by_location', 'attendance_not_verified', 'verified_attendance'
    ] %}
    {{ if_known('verified_attendance', 'of_event.' ~ number) }} as {{ number }},
    {%- endfor %}
    -- A share of those who came: it is withheld also if few came who had been somewhere before.
    {{ if_known('verified_attendance', if_shown(
        'of_event.first_timers >= privacy_floor.floor_people and not (of_event.verified_attendance - of_event.first_timers > 0 '
        ~ 'and of_event.verified_attendance - of_event.first_timers < privacy_floor.floor_people)',
        'of_event.first_timers'
    )) }} as first_timers,
    of_event.blasts
from of_event
cross join {{ ref('privacy_floor') }} as privacy_floor
