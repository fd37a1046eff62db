with numbers as (
    select
        *,
        'joined' as period,
        joined_month as starts_on
    from {{ ref('cohort_period') }}
),

members as (
    select
        resident.scene_id,
        cast(date_trunc('month', resident.created_at) as date) as joined_month,
        ledger.points
    from {{ ref('resident') }} as resident
    inner join {{ ref('ledger') }} as ledger
        on resident.user_id = ledger.user_id
),

scoped_members as (
    {{ scoped('members') | indent(4) }}
),

points as (
    select
        scope_id,
        joined_month,
        sum(points) as points
    from scoped_members
    group by all
)

select
    numbers.tier,
    numbers.scope_id,
    numbers.joined_month,
    numbers.size,
    {%- for months in cohort_months() %}
    {%- set active = 'cast(numbers.active_after_' ~ months ~ 'm as bigint)' %}
    {{ if_shown('after_' ~ months ~ '.scope_id is not null', active) }} as active_after_{{ months }}m,
    {%- endfor %}
    cast(coalesce(points.points, 0) as bigint) as activity_points
from numbers
{{ join_trend_decision('numbers', 'cohort', 'shown') }}
{%- for months in cohort_months() %}
{{ join_trend_decision('numbers', 'cohort after ' ~ months, 'after_' ~ months) }}
{%- endfor %}
left join points
    on numbers.scope_id = points.scope_id and numbers.joined_month = points.joined_month
where shown.scope_id is not null
