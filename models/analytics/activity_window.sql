with active_day as (
    select
        *,
        cast(active_on as timestamp) as happened_at
    from {{ ref('active_day') }}
),

windows as (
    select * from {{ ref('summary_window') }}
),

activity as (
    select
        active_day.*,
        windows.window_days,
        active_day.happened_at >= windows.starts_at as is_inside
    from active_day
    inner join windows
        on active_day.happened_at >= coalesce(windows.starts_before, windows.starts_at)
),

by_home as (
    select
        window_days,
        user_id,
        scene_id,
        count(*) filter (where is_inside) as active_days,
        count(*) filter (where not is_inside) as active_days_before,
        coalesce(sum(listens) filter (where is_inside), 0) as listens,
        coalesce(sum(civic_actions) filter (where is_inside), 0) as civic_actions,
        coalesce(sum(attended_events) filter (where is_inside), 0) as attended_events
    from activity
    group by all
)

select
    *,
    sum(active_days) over (partition by window_days, user_id) > 0 as is_active_anywhere,
    sum(active_days_before) over (partition by window_days, user_id) > 0 as was_active_anywhere
from by_home
