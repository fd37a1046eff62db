{#- Three checks follow each other: once-only, the cap per source, the cap of a member's day. Each sees only the claims
    that passed the ones before. Claims fill a cap in the order their acts happened, and each is paid the part that
    still fits (see `capped_points`). The claims of a source count, paid or not, under any version of the rule. A
    refused or repeated act claims nothing. An act that takes points away fills no cap and is never cut. -#}

with claims as (
    select * from {{ ref('claim') }}
),

once_claims as (
    select
        act_id,
        row_number() over (
            partition by rule_id, user_id, once_id
            order by occurred_at, tie_order
        ) as occurrence
    from {{ ref('claim') }}
    where refusal is null and once_id is not null
),

repeated as (
    select act_id from once_claims
    where occurrence > 1
),

capped_rules as (
    select distinct rule_id from {{ ref('claim') }}
    where cap_per_source is not null
),

source_claims as (
    select
        claim.act_id,
        claim.rule_id,
        coalesce(claim.credited_source_id, claim.source_id) as brought_by_id,
        claim.occurred_at,
        claim.tie_order,
        claim.cap_per_source,
        claim.price
    from {{ ref('claim') }} as claim
    inner join capped_rules
        on claim.rule_id = capped_rules.rule_id
    left join repeated
        on claim.act_id = repeated.act_id
    where claim.refusal is null and repeated.act_id is null and claim.price > 0
),

under_source_cap as (
    {{ capped_points('source_claims', 'cap_per_source', 'price', ['rule_id', 'brought_by_id']) | indent(4) }}
),

day_claims as (
    select
        claim.act_id,
        claim.rule_id,
        claim.user_id,
        claim.occurred_on,
        claim.occurred_at,
        claim.tie_order,
        claim.daily_cap_points,
        coalesce(under_source_cap.points, claim.price) as source_points
    from {{ ref('claim') }} as claim
    left join repeated
        on claim.act_id = repeated.act_id
    left join under_source_cap
        on claim.act_id = under_source_cap.act_id
    where
        claim.refusal is null
        and repeated.act_id is null
        and claim.daily_cap_points is not null
        and coalesce(under_source_cap.points, claim.price) > 0
),

under_daily_cap as (
    {{ capped_points('day_claims', 'daily_cap_points', 'source_points', ['rule_id', 'user_id', 'occurred_on'])
        | indent(4) }}
),

capped as (
    select
        claims.*,
        case
            when claims.refusal is not null then claims.refusal
            when repeated.act_id is not null then 'duplicate_act'
        end as reason,
        coalesce(under_source_cap.points, claims.price) as source_points,
        coalesce(under_daily_cap.points, under_source_cap.points, claims.price) as day_points
    from claims
    left join repeated
        on claims.act_id = repeated.act_id
    left join under_source_cap
        on claims.act_id = under_source_cap.act_id
    left join under_daily_cap
        on claims.act_id = under_daily_cap.act_id
),

decided as (
    select
        *,
        case
            when reason is not null then reason
            when price <> 0 and source_points = 0 then 'source_capped'
            when source_points <> 0 and day_points = 0 then 'daily_capped'
            else 'awarded'
        end as decision,
        case
            when reason is not null then null
            when day_points < source_points then 'daily'
            when source_points < price then 'source'
        end as capped_by,
        case when reason is null then day_points else 0 end as points
    from capped
)

select
    act_id,
    rule_id,
    activity_type,
    policy_version,
    user_id,
    scene_id,
    occurred_at,
    occurred_on,
    source_table,
    source_id,
    credited_source_id,
    export_date,
    delivery_id,
    reversed_at,
    is_bonus,
    decision,
    decision = 'awarded' as is_awarded,
    price,
    capped_by,
    cast(points as integer) as points
from decided
