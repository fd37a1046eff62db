with decisions as (
    select * from {{ ref('decision') }}
    where is_awarded
),

as_of as (
    select * from {{ ref('as_of') }}
)

select
    act_id as ledger_id,
    act_id,
    user_id,
    scene_id,
    activity_type,
    rule_id,
    policy_version,
    points,
    is_bonus,
    occurred_at,
    occurred_on,
    source_table,
    source_id,
    credited_source_id,
    export_date,
    cast(null as {{ id_type() }}) as reverses_act_id
from decisions
union all
select
    {{ stable_id(["'reversal'", 'decisions.act_id']) }} as ledger_id,
    decisions.act_id,
    decisions.user_id,
    decisions.scene_id,
    decisions.activity_type,
    decisions.rule_id,
    decisions.policy_version,
    -decisions.points as points,
    decisions.is_bonus,
    decisions.reversed_at as occurred_at,
    cast(decisions.reversed_at as date) as occurred_on,
    decisions.source_table,
    decisions.source_id,
    decisions.credited_source_id,
    decisions.export_date,
    decisions.act_id as reverses_act_id
from decisions
inner join as_of
    on decisions.reversed_at < as_of.as_of
