{#- From the exports and not from the ledger: no column of trends may mix points with listening. -#}

with as_of as (
    select * from {{ ref('as_of') }}
),

first_days as (
    select min(happened_on) as first_day
    from {{ ref('count_day') }}
    union all
    select min(active_on) as first_day
    from {{ ref('active_day') }}
    {%- for table in [
        'projects_history', 'project_supports', 'proof_of_support_history', 'pioneer_referrals',
        'community_activation_audits', 'activity_point_adjustments'
    ] %}
    union all
    select cast(min(created_at) as date) as first_day
    from {{ ref('stg_' ~ table) }}
    {%- endfor %}
)

select
    as_of.as_of,
    as_of.as_of_date,
    least(coalesce(min(first_days.first_day), as_of.as_of_date), as_of.as_of_date) as first_day
from as_of
cross join first_days
group by as_of.as_of, as_of.as_of_date
