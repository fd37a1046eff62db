{#- Days, and nothing of points: no column of trends may mix points with listening. -#}

with as_of as (
    select * from {{ ref('as_of') }}
),

first_days as (
    select min(happened_on) as first_day
    from {{ ref('count_day') }}
    union all
    select min(active_on) as first_day
    from {{ ref('active_day') }}
    union all
    select min(occurred_on) as first_day
    from {{ ref('activity_decision') }}
)

select
    as_of.as_of,
    as_of.as_of_date,
    least(coalesce(min(first_days.first_day), as_of.as_of_date), as_of.as_of_date) as first_day
from as_of
cross join first_days
group by as_of.as_of, as_of.as_of_date
