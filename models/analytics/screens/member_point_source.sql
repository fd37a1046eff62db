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
),

-- What is taken back goes by the rule that held on the day of the act.
acts as (
    select
        ledger.*,
        coalesce(awards.occurred_at, ledger.occurred_at) as acted_at
    from ledger
    left join ledger as awards
        on ledger.reverses_activity_point_id = awards.activity_point_id
)

select
    acts.activity_point_id,
    acts.user_id,
    acts.occurred_at,
    acts.points,
    acts.activity_type,
    acts.rule_id,
    rules.description as rule,
    acts.policy_version,
    acts.scene_id,
    scope.label as scene,
    acts.source_table,
    acts.source_id,
    taken_back.reverses_activity_point_id is not null as is_taken_back,
    acts.reverses_activity_point_id
from acts
left join rules
    on
        acts.rule_id = rules.rule_id
        and acts.policy_version = rules.policy_version
        and cast(acts.acted_at as date) >= rules.valid_from
        and cast(acts.acted_at as date) < coalesce(rules.valid_to, date '9999-12-31')
left join scope
    on acts.scene_id = scope.scene_id
left join taken_back
    on acts.activity_point_id = taken_back.reverses_activity_point_id
