{#- Weeks begin on Monday. Only whole periods: the last one has ended by as-of. -#}

with history as (
    select * from {{ ref('history') }}
),

days as (
    {{ days_between(
        '(select first_day from history)', '(select as_of_date from history)', 'day'
    ) | indent(4) }}
),

periods as (
    {% for period in ['week', 'month'] -%}
    select distinct
        '{{ period }}' as period,
        cast(date_trunc('{{ period }}', day) as date) as starts_on,
        cast(date_trunc('{{ period }}', day) + interval '1 {{ period }}' as date) as ends_before
    from days
    {%- if not loop.last %}
    union all
    {% endif -%}
    {%- endfor %}
)

select
    periods.period,
    periods.starts_on,
    periods.ends_before
from periods
inner join history
    on cast(periods.ends_before as timestamp) <= history.as_of
