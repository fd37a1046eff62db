{#- Law 3. For each tier the ledger = the sum over its scopes, unscoped included; and the ledger = the sum of user
    totals + what departed members earned. Otherwise nobody can explain a total on a screen. -#}
{{ config(meta={'dagster': {'ref': {'name': 'activity_score'}}}) }}

with ledger as (
    select
        coalesce(sum(points), 0) as points,
        coalesce(sum(points) filter (where user_id is null), 0) as departed
    from {{ ref('activity_point') }}
),

score as (
    select * from {{ ref('activity_score') }}
),

user_totals as (
    select coalesce(sum(points_all_time), 0) as points
    from {{ ref('user_activity') }}
),

publication as (
    select * from {{ ref('publication') }}
),

tiers as (
    select
        tiers.tier,
        sum(score.points_on_day) as days,
        sum(score.points_all_time) filter (where score.as_of_date = publication.as_of_date) as latest
    from (
        values
        {%- for tier in var('tiers') %}
        ('{{ tier }}'){% if not loop.last %},{% endif %}
        {%- endfor %}
    ) as tiers (tier)
    cross join publication
    left join score
        on tiers.tier = score.tier
    group by all
),

equations as (
    select
        tier || ' scopes by day' as total,
        days as parts,
        ledger.points as whole
    from tiers
    cross join ledger
    union all
    select
        tier || ' scopes on the last day' as total,
        latest as parts,
        ledger.points as whole
    from tiers
    cross join ledger
    union all
    select
        'user totals + departed' as total,
        user_totals.points + ledger.departed as parts,
        ledger.points as whole
    from user_totals
    cross join ledger
)

select *
from equations
where parts is distinct from whole
