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

policy_lines as (
    select
        policy_version,
        valid_from,
        valid_to
    from {{ ref('point_rule') }}
    union all
    select
        policy_version,
        valid_from,
        valid_to
    from {{ ref('score_policy') }}
),

-- Versions are names, and as a name 10 comes before 9. So the newest version is the one whose line began last.
policy_in_force as (
    select policy_lines.policy_version
    from policy_lines
    inner join as_of
        on
            policy_lines.valid_from <= as_of.as_of_date
            and coalesce(policy_lines.valid_to, date '9999-12-31') > as_of.as_of_date
    qualify row_number() over (order by policy_lines.valid_from desc, policy_lines.policy_version desc) = 1
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
    select table_span.table_name || ' ' || cast(nights.night as string) as table_night
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
    (select policy_version from policy_in_force) as policy_version,
    (select count(distinct night) from deliveries) as nights_read,
    coalesce((select {{ text_list('table_night') }} from missing), '') as nights_missing,
    run.nights_behind,
    run.code_version,
    run.erasure_version,
    run.engine,
    run.built_at
from run
cross join as_of
