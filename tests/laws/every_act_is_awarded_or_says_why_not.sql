{#- Law 2, inside the warehouse. Every act is decided, once and with a reason, and traces to one delivered row.
    Otherwise points would appear from nowhere or get lost. -#}
{{ config(meta={'dagster': {'ref': {'name': 'activity_decision'}}}) }}

with acts as (
    select * from {{ ref('act') }}
),

decisions as (
    select * from {{ ref('activity_decision') }}
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

findings as (
    select
        coalesce(acts.act_id, decisions.activity_decision_id) as act_id,
        acts.rule_id,
        acts.source_table,
        acts.source_id,
        decisions.decision,
        case
            when acts.act_id is null then 'no act'
            when decisions.activity_decision_id is null then 'no decision'
            when decisions.decision is null then 'no reason'
            when
                decisions.rule_id <> acts.rule_id
                or decisions.source_table <> acts.source_table
                or decisions.source_id <> acts.source_id
                or decisions.occurred_at <> acts.occurred_at
                then 'decides about another source'
            when coalesce(delivered_count.delivered_rows, 0) <> 1 then 'not one delivered row'
        end as finding
    from acts
    full outer join decisions
        on acts.act_id = decisions.activity_decision_id
    left join delivered_count
        on
            acts.source_table = delivered_count.source_table
            and acts.source_id = delivered_count.source_id
)

select *
from findings
where finding is not null
