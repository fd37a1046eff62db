with history as (
    {{ history_rows('fair_play_config') }}
)

select
    id as fair_play_config_id,
    scope,
    recurrenceRollingWindowDays as recurrence_rolling_window_days,
    from_night,
    to_night
from history
