with standing as (
    {{ open_states('fair_play_config') }}
)

select
    fair_play_config_id,
    scope,
    recurrence_rolling_window_days,
    export_date
from standing
