{{ config(materialized='view') }}

with decisions as (
    select * from {{ ref('activity_decision') }}
),

rules as (
    select * from {{ ref('point_rule') }}
),

deliveries as (
    select * from {{ ref('row_account') }}
)

select
    decisions.activity_decision_id,
    decisions.user_id,
    decisions.scene_id,
    decisions.occurred_at,
    decisions.occurred_on,
    decisions.rule_id,
    rules.description as rule,
    decisions.policy_version,
    decisions.decision,
    decisions.is_awarded,
    decisions.price,
    decisions.capped_by,
    decisions.points,
    decisions.source_table,
    decisions.source_id,
    decisions.credited_source_id,
    deliveries.night,
    deliveries.part,
    decisions.delivery_id
from decisions
left join rules
    on
        decisions.rule_id = rules.rule_id
        and decisions.occurred_on >= rules.valid_from
        and decisions.occurred_on < coalesce(rules.valid_to, date '9999-12-31')
left join deliveries
    on decisions.delivery_id = deliveries.delivery_id
