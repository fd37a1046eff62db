with ledger as (
    select * from {{ ref('ledger') }}
),

scoped as (
    {{ scoped('ledger') | indent(4) }}
),

scope_windows as (
    {{ scope_windows() | indent(4) }}
),

by_scope as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        coalesce(sum(scoped.points), 0) as activity_points,
        count(distinct scoped.user_id) filter (where scoped.points > 0) as contributors
    from scope_windows
    left join scoped
        on scope_windows.scope_id = scoped.scope_id and scoped.occurred_at >= scope_windows.starts_at
    group by all
)

{{ unpivoted('by_scope', [
    {'name': 'activity_points', 'cohort': 'contributors'},
    {'name': 'contributors', 'cohort': 'contributors'},
]) }}
