with numbers as (
    select
        *,
        'joined' as period,
        joined_month as starts_on
    from {{ ref('cohort_period') }}
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
    numbers.activity_points
from numbers
inner join {{ ref('trend_shown') }} as shown
    on
        shown.cell_key
        = {{ trend_key("'cohort'", 'null', 'numbers.period', 'numbers.starts_on') | indent(8) }}
        and numbers.scope_id = shown.scope_id
{%- for months in cohort_months() %}
{{ join_trend_decision('numbers', 'cohort after ' ~ months, 'after_' ~ months) }}
{%- endfor %}
