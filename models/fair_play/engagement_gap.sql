with deliveries as (
    select * from {{ ref('delivery') }}
    where table_name = 'track_engagements'
),

engagement_nights as (
    select
        night,
        bool_or(status = 'refused') or coalesce(sum(rows_rejected), 0) > 0 as is_unsound,
        bool_or(status = 'accepted') as is_accepted
    from deliveries
    group by all
),

accepted_nights as (
    select
        night,
        is_unsound,
        lag(night) over (order by night) as previous_night
    from engagement_nights
    where is_accepted
)

-- The first delivered night also brings all earlier days. If it was refused, these are missing, too.
select
    case when previous_night is null then date '0001-01-01' else night end as first_day,
    night as last_day
from accepted_nights
where is_unsound
union all
select
    cast(previous_night + interval 1 day as date) as first_day,
    cast(night - interval 1 day as date) as last_day
from accepted_nights
where night > previous_night + interval 1 day
union all
select
    date '0001-01-01' as first_day,
    max(night) as last_day
from engagement_nights
where night < (select min(night) from accepted_nights)
having count(*) > 0
union all
select
    coalesce(cast(max(night) + interval 1 day as date), date '0001-01-01') as first_day,
    date '9999-12-31' as last_day
from accepted_nights
