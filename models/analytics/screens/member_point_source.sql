with ledger as (
    select * from {{ ref('activity_point') }}
    where user_id is not null
),

rules as (
    select * from {{ ref('point_rule') }}
),

scope as (
    select * from {{ ref('scope') }}
    where tier = 'city' and not is_unscoped
),

taken_back as (
    select distinct reverses_activity_point_id
    from ledger
    where reverses_activity_point_id is not null
)

select
    ledger.activity_point_id,
    ledger.user_id,
    ledger.occurred_at,
    ledger.points,
    ledger.activity_type,
    ledger.rule_id,
    rules.description as rule,
    ledger.policy_version,
    ledger.scene_id,
    scope.label as scene,
    ledger.source_table,
    ledger.source_id,
    taken_back.reverses_activity_point_id is not null as is_taken_back,
    ledger.reverses_activity_point_id
from ledger
left join rules
    on
        ledger.rule_id = rules.rule_id
        and ledger.policy_version = rules.policy_version
        and cast(ledger.occurred_at as date) >= rules.valid_from
        and cast(ledger.occurred_at as date) < coalesce(rules.valid_to, date '9999-12-31')
left join scope
    on ledger.scene_id = scope.scene_id
left join taken_back
    on ledger.activity_point_id = taken_back.reverses_activity_point_id
