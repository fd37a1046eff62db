with active as (
    select
        *,
        cast(active_on as timestamp) as happened_at
    from {{ ref('active_day') }}
),

scope_windows as (
    {{ scope_windows() | indent(4) }}
),

scoped_active as (
    {{ scoped('active') | indent(4) }}
),

active_users as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        count(distinct scoped_active.user_id) as active_users
    from scope_windows
    left join scoped_active
        on
            scope_windows.scope_id = scoped_active.scope_id
            and scoped_active.happened_at >= scope_windows.starts_at
    group by all
)

{{ unpivoted('active_users', [{'name': 'active_users', 'cohort': 'active_users'}]) }}
