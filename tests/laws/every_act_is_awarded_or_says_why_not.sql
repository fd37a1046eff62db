{#- Law 2. Acts = awarded + not awarded, each with its reason; every ledger row is an awarded act, traces to one
    delivered row and one rule, and pays what that rule says. Otherwise points appear from, or vanish into, nowhere. -#}
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

sources as (
    select
        'signal_actions' as source_table,
        signal_action_id as source_id
    from {{ ref('stg_signal_actions') }}
    {% for table, key in {
        'event_attendances': 'event_attendance_id',
        'project_supports': 'project_support_id',
        'proof_of_support': 'proof_of_support_id',
        'community_activation_audits': 'community_activation_audit_id',
        'pioneer_referrals': 'pioneer_referral_id',
    }.items() %}
    union all
    select
        '{{ table }}' as source_table,
        {{ key }} as source_id
    from {{ ref('stg_' ~ table) }}
    {%- endfor %}
),

source_count as (
    select
        source_table,
        source_id,
        count(*) as delivered_rows
    from sources
    group by all
),

joined as (
    select
        coalesce(acts.act_id, decisions.activity_decision_id, ledger.activity_point_id) as act_id,
        acts.rule_id,
        acts.source_table,
        acts.source_id,
        decisions.decision,
        ledger.points,
        count(distinct rules.valid_from) as prices,
        max(rules.points) as price,
        max(source_count.delivered_rows) as delivered_rows,
        max(acts.act_id) is null as lacks_act,
        max(decisions.activity_decision_id) is null as lacks_decision,
        max(ledger.activity_point_id) is not null as is_in_ledger,
        bool_or(
            ledger.rule_id <> acts.rule_id
            or ledger.source_table <> acts.source_table
            or ledger.source_id <> acts.source_id
        ) as names_another_source
    from acts
    full outer join decisions
        on acts.act_id = decisions.activity_decision_id
    full outer join ledger
        on coalesce(acts.act_id, decisions.activity_decision_id) = ledger.activity_point_id
    left join rules
        on
            acts.rule_id = rules.rule_id
            and acts.occurred_on >= rules.valid_from
            and acts.occurred_on < coalesce(rules.valid_to, date '9999-12-31')
    left join source_count
        on acts.source_table = source_count.source_table and acts.source_id = source_count.source_id
    group by all
)

select *
from joined
where
    lacks_act
    or lacks_decision
    or decision = 'unpriced'
    or is_in_ledger is distinct from (decision = 'awarded')
    or names_another_source
    or delivered_rows is distinct from 1
    or prices <> 1
    or (is_in_ledger and points <> price)
