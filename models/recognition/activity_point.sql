with decisions as (
    select * from {{ ref('decision') }}
    where is_awarded
),

members as (
    select * from {{ ref('stg_users') }}
)

select
    decisions.act_id as activity_point_id,
    members.user_id,
    decisions.scene_id,
    decisions.activity_type,
    decisions.rule_id,
    decisions.policy_version,
    decisions.points,
    decisions.is_bonus,
    decisions.occurred_at,
    decisions.occurred_on,
    decisions.source_table,
    decisions.source_id,
    cast(null as uuid) as credited_source_id,
    decisions.export_date,
    cast(null as uuid) as reverses_activity_point_id
from decisions
left join members
    on decisions.user_id = members.user_id
