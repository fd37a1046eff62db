with decisions as (
    select * from {{ ref('decision') }}
),

members as (
    select * from {{ ref('stg_users') }}
    where not is_erased
)

select
    decisions.act_id as activity_decision_id,
    decisions.rule_id,
    decisions.activity_type,
    decisions.policy_version,
    members.user_id,
    decisions.scene_id,
    decisions.occurred_at,
    decisions.occurred_on,
    decisions.source_table,
    decisions.source_id,
    decisions.credited_source_id,
    decisions.export_date,
    decisions.delivery_id,
    decisions.is_awarded,
    decisions.decision,
    decisions.price,
    decisions.capped_by,
    decisions.points
from decisions
left join members
    on decisions.user_id = members.user_id
