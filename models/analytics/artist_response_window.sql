with responses as (
    select * from {{ ref('artist_response') }}
),

windows as (
    select * from {{ ref('summary_window') }}
)

select
    windows.window_days,
    responses.artist_band_id,
    responses.response,
    responses.user_id,
    responses.scene_id,
    -- However often somebody checks in at an event, it is one attendance, at home where the first was.
    responses.response = 'check_in' and row_number() over (
        partition by windows.window_days, responses.artist_band_id, responses.user_id, responses.event_id
        order by responses.happened_at
    ) = 1 as is_attendance,
    responses.response = 'check_in'
    and min(responses.event_id) over by_person <> max(responses.event_id) over by_person
    and row_number() over (
        partition by windows.window_days, responses.artist_band_id, responses.user_id, responses.response
        order by responses.happened_at desc
    ) = 1 as is_last_of_several_events
from responses
inner join windows
    on responses.happened_at >= windows.starts_at
window by_person as (
    partition by windows.window_days, responses.artist_band_id, responses.user_id, responses.response
)
