with ledger as (
    select * from {{ ref('ledger') }}
),

members as (
    select * from {{ ref('stg_users') }}
    where not is_erased
)

select
    ledger.ledger_id as activity_point_id,
    members.user_id,
    ledger.scene_id,
    ledger.activity_type,
    ledger.rule_id,
    ledger.policy_version,
    ledger.points,
    ledger.is_bonus,
    ledger.occurred_at,
    ledger.occurred_on,
    ledger.source_table,
    ledger.source_id,
    ledger.credited_source_id,
    ledger.export_date,
    ledger.reverses_act_id as reverses_activity_point_id
from ledger
left join members
    on ledger.user_id = members.user_id
