with states as (
    select
        *,
        row_number() over (partition by signal_id order by from_night desc) as recency
    from {{ ref('stg_signals_history') }}
)

select
    signal_id,
    signal_type,
    created_by_user_id,
    artist_band_id
from states
where recency = 1
