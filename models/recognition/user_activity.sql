with ledger as (
    select * from {{ ref('activity_point') }}
    where user_id is not null
),

as_of as (
    select * from {{ ref('as_of') }}
)

select
    ledger.user_id,
    ledger.activity_type,
    as_of.as_of_date,
    {%- for days in var('windows') %}
    cast(
        coalesce(
            sum(ledger.points) filter (where ledger.occurred_at >= {{ days_before('as_of.as_of', days) }}), 0
        ) as bigint
    ) as points_{{ days }}d,
    {%- endfor %}
    cast(sum(ledger.points) as bigint) as points_all_time,
    count(*) filter (where ledger.reverses_activity_point_id is null) as awards,
    min(ledger.occurred_at) filter (where ledger.reverses_activity_point_id is null) as first_activity_at,
    max(ledger.occurred_at) filter (where ledger.reverses_activity_point_id is null) as last_activity_at,
    sum(ledger.points) < 0 as is_negative
from ledger
cross join as_of
group by ledger.user_id, ledger.activity_type, as_of.as_of_date, as_of.as_of
