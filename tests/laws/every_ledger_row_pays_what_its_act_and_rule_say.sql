{#- Law 2. Every ledger row is an awarded act or takes one back. Every awarded act is in the ledger. It pays what the
    one rule valid that day says, or what a cap left of it. Its delivery is accounted for. Otherwise points would appear
    from nowhere or get lost. -#}
{{ config(meta={'dagster': {'ref': {'name': 'activity_point'}}}) }}

with decisions as (
    select * from {{ ref('activity_decision') }}
),

ledger as (
    select * from {{ ref('activity_point') }}
),

rules as (
    select * from {{ ref('point_rule') }}
),

deliveries as (
    select * from {{ ref('row_account') }}
    where status = 'accepted'
),

awards as (
    select * from ledger
    where reverses_activity_point_id is null
),

reversals as (
    select
        reverses_activity_point_id,
        count(*) as times,
        sum(points) as points
    from ledger
    where reverses_activity_point_id is not null
    group by all
),

decision_price as (
    select
        decisions.activity_decision_id,
        decisions.rule_id,
        decisions.source_table,
        decisions.source_id,
        decisions.export_date,
        decisions.delivery_id,
        decisions.decision,
        decisions.is_awarded,
        decisions.points,
        decisions.capped_by,
        count(rules.rule_id) as prices,
        coalesce(max(rules.points), max(decisions.price)) as price,
        max(coalesce(rules.max_points_per_award, abs(rules.points))) as bound,
        bool_or(rules.daily_cap_points is not null or rules.cap_per_source is not null) as can_be_capped
    from decisions
    left join rules
        on
            decisions.rule_id = rules.rule_id
            and decisions.occurred_on >= rules.valid_from
            and decisions.occurred_on < coalesce(rules.valid_to, date '9999-12-31')
    group by all
),

findings as (
    select
        coalesce(decided.activity_decision_id, awards.activity_point_id) as act_id,
        decided.rule_id,
        decided.source_table,
        decided.source_id,
        decided.decision,
        awards.points,
        case
            when decided.activity_decision_id is null then 'no decision'
            when decided.decision is null then 'no reason'
            when decided.decision = 'unpriced' then 'no rule'
            when decided.is_awarded <> (decided.decision = 'awarded') then 'awarded and not'
            when decided.is_awarded <> (awards.activity_point_id is not null) then 'ledger disagrees'
            when deliveries.delivery_id is null then 'its delivery is not accounted for'
            when awards.activity_point_id is null then null
            when
                awards.rule_id <> decided.rule_id
                or awards.source_table <> decided.source_table
                or awards.source_id <> decided.source_id
                then 'names another source'
            when decided.prices <> 1 then 'not one price'
            when awards.points <> decided.points then 'pays something else than decided'
            when decided.bound is null then 'no bound'
            when abs(awards.points) > decided.bound then 'out of bounds'
            when decided.capped_by is null and awards.points <> coalesce(decided.price, 0)
                then 'pays something else than its price'
            when
                decided.capped_by is not null
                and (not decided.can_be_capped or awards.points >= decided.price)
                then 'capped without a cap'
        end as finding
    from decision_price as decided
    full outer join awards
        on decided.activity_decision_id = awards.activity_point_id
    left join deliveries
        on
            decided.delivery_id = deliveries.delivery_id
            and decided.source_table = deliveries.table_name
            and decided.export_date = deliveries.night
)

select *
from findings
where finding is not null
union all
select
    reversals.reverses_activity_point_id as act_id,
    awards.rule_id,
    awards.source_table,
    awards.source_id,
    'reversal' as decision,
    awards.points,
    'takes back something else than was awarded' as finding
from reversals
left join awards
    on reversals.reverses_activity_point_id = awards.activity_point_id
where reversals.times <> 1 or awards.points is distinct from -reversals.points
