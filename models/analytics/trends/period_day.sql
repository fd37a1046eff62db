with periods as (
    select * from {{ ref('period') }}
),

days as (
    {{ days_between(
        '(select min(starts_on) from periods)', '(select max(ends_before) from periods)', 'day'
    ) | indent(4) }}
)

select
    days.day,
    periods.period,
    periods.starts_on
from days
inner join periods
    on days.day >= periods.starts_on and days.day < periods.ends_before
