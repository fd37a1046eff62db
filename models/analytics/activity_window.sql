with active_day as (
    select
        *,
        cast(active_on as timestamp) as happened_at
    from {{ ref('active_day') }}
),

windows as (
    select * from {{ ref('summary_window') }}
),

by_home as (
    select
        windows.window_days,
        active_day.user_id,
        active_day.scene_id,
        count(*) filter (where active_day.happened_at >= windows.starts_at) as active_days,
        count(*) filter (where active_day.happened_at < windows.starts_at) as active_days_before,
        {%- for sum in ['listens', 'civic_actions', 'attended_events'] %}
        cast(coalesce(sum(active_day.{{ sum }}) filter (where active_day.happened_at >= windows.starts_at), 0) as bigint)
            as {{ sum }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    from active_day
    inner join windows
        on active_day.happened_at >= coalesce(windows.starts_before, windows.starts_at)
    group by all
)

select
    *,
    sum(active_days) over (partition by window_days, user_id) > 0 as is_active_anywhere,
    sum(active_days_before) over (partition by window_days, user_id) > 0 as was_active_anywhere
from by_home
