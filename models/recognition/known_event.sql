with states as (
    select
        *,
        row_number() over (partition by event_id order by from_night desc) as recency
    from {{ ref('stg_events_history') }}
)

select
    event_id,
    created_by_user_id,
    artist_band_id
from states
where recency = 1
