with run as (
    select * from {{ source('raw', 'run') }}
),

as_of as (
    select * from {{ ref('as_of') }}
),

delivered as (
    select * from {{ ref('delivery') }}
),

deliveries as (
    select * from delivered
    where status = 'accepted'
),

rules as (
    select * from {{ ref('point_rule') }}
),

table_span as (
    select
        table_name,
        min(night) as first_night
    from delivered
    group by all
),

nights as (
    {{ days_between(
        '(select min(first_night) from table_span)', '(select as_of_date from as_of)', 'night'
    ) | indent(4) }}
),

missing as (
    select table_span.table_name || ' ' || cast(nights.night as varchar) as table_night
    from table_span
    inner join nights
        on table_span.first_night <= nights.night
    left join deliveries
        on table_span.table_name = deliveries.table_name and nights.night = deliveries.night
    where deliveries.night is null
    group by all
)

select
    as_of.as_of_date,
    as_of.as_of,
    run.run_id,
    (
        select max(policy_version)
        from rules
        where
            valid_from <= (select as_of_date from as_of)
            and coalesce(valid_to, date '9999-12-31') > (select as_of_date from as_of)
    ) as policy_version,
    (select count(distinct night) from deliveries) as nights_read,
    coalesce((select {{ text_list('table_night') }} from missing), '') as nights_missing,
    run.code_version,
    run.erasure_version,
    run.built_at
from run
cross join as_of
