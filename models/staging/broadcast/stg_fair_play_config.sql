with standing as (
    {{ current_rows('fair_play_config') }}
)

select
    id as fair_play_config_id,
    scope,
    recurrenceRollingWindowDays as recurrence_rolling_window_days,
    night as export_date
from standing
