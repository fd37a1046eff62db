{#- Law 2. Acts = awarded + not awarded, each with its reason; every ledger row is an awarded act or takes one back,
    traces to one delivered row and one rule, and pays what that rule says or what a cap left of it. Otherwise points
    appear from, or vanish into, nowhere. -#}
{{ config(meta={'dagster': {'ref': {'name': 'activity_point'}}}) }}

with acts as (
    select * from {{ ref('act') }}
),

decisions as (
    select * from {{ ref('activity_decision') }}
),

ledger as (
    select * from {{ ref('activity_point') }}
),

rules as (
    select * from {{ ref('point_rule') }}
),

delivered as (
    select
        'signal_actions' as source_table,
        signal_action_id as source_id
    from {{ ref('stg_signal_actions') }}
    {% for table, key in {
        'event_attendances': 'event_attendance_id',
        'project_supports': 'project_support_id',
        'community_activation_audits': 'community_activation_audit_id',
        'pioneer_referrals': 'pioneer_referral_id',
        'activity_point_adjustments': 'activity_point_adjustment_id',
    }.items() %}
    union all
    select
        '{{ table }}' as source_table,
        {{ key }} as source_id
    from {{ ref('stg_' ~ table) }}
    {%- endfor %}
    {% for table, key in {'proof_of_support': 'proof_of_support_id', 'projects': 'project_id'}.items() %}
    union all
    select distinct
        '{{ table }}' as source_table,
        {{ key }} as source_id
    from {{ ref('stg_' ~ table ~ '_history') }}
    {%- endfor %}
),

delivered_count as (
    select
        source_table,
        source_id,
        count(*) as delivered_rows
    from delivered
    group by all
),

act_price as (
    select
        acts.act_id,
        acts.rule_id,
        acts.source_table,
        acts.source_id,
        acts.claimed_points,
        count(rules.rule_id) as prices,
        max(rules.points) as points,
        coalesce(max(rules.max_points_per_award), 1000) as bound,
        bool_or(rules.daily_cap_points is not null or rules.cap_per_source is not null) as can_be_capped
    from acts
    left join rules
        on
            acts.rule_id = rules.rule_id
            and acts.occurred_on >= rules.valid_from
            and acts.occurred_on < coalesce(rules.valid_to, date '9999-12-31')
    group by all
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

findings as (
    select
        coalesce(act_price.act_id, decisions.activity_decision_id, awards.activity_point_id) as act_id,
        act_price.rule_id,
        act_price.source_table,
        act_price.source_id,
        decisions.decision,
        awards.points,
        case
            when act_price.act_id is null then 'no act'
            when decisions.activity_decision_id is null then 'no decision'
            when decisions.decision is null then 'no reason'
            when decisions.decision = 'unpriced' then 'no rule'
            when decisions.is_awarded <> (decisions.decision = 'awarded') then 'awarded and not'
            when decisions.is_awarded <> (awards.activity_point_id is not null) then 'ledger disagrees'
            when coalesce(delivered_count.delivered_rows, 0) <> 1 then 'not one delivered row'
            when awards.activity_point_id is null then null
            when
                awards.rule_id <> act_price.rule_id
                or awards.source_table <> act_price.source_table
                or awards.source_id <> act_price.source_id
                then 'names another source'
            when act_price.prices <> 1 then 'not one price'
            when awards.points <> decisions.points then 'pays something else than decided'
            when abs(awards.points) > act_price.bound then 'out of bounds'
            when
                decisions.capped_by is null
                and act_price.claimed_points is null
                and awards.points <> act_price.points
                then 'pays something else than its price'
            when
                decisions.capped_by is not null
                and (not act_price.can_be_capped or awards.points >= act_price.points)
                then 'capped without a cap'
        end as finding
    from act_price
    full outer join decisions
        on act_price.act_id = decisions.activity_decision_id
    full outer join awards
        on coalesce(act_price.act_id, decisions.activity_decision_id) = awards.activity_point_id
    left join delivered_count
        on
            act_price.source_table = delivered_count.source_table
            and act_price.source_id = delivered_count.source_id
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
