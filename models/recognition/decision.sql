with acts as (
    select * from {{ ref('act') }}
),

rules as (
    select * from {{ ref('point_rule') }}
),

member_ever as (
    select distinct user_id from {{ ref('stg_users_history') }}
),

priced as (
    select
        acts.act_id,
        acts.rule_id,
        acts.activity_type,
        rules.policy_version,
        acts.user_id,
        coalesce(acts.scene_id, home_scene.scene_id) as scene_id,
        acts.occurred_at,
        acts.occurred_on,
        acts.source_table,
        acts.source_id,
        acts.export_date,
        acts.once_id,
        rules.points,
        rules.is_bonus,
        case
            when rules.rule_id is null then 'unpriced'
            when not acts.is_verified then 'not_verified'
            when member_ever.user_id is null then 'unknown_member'
            else 'valid'
        end as validity
    from acts
    left join rules
        on
            acts.rule_id = rules.rule_id
            and acts.occurred_on >= rules.valid_from
            and acts.occurred_on < coalesce(rules.valid_to, date '9999-12-31')
    left join member_ever
        on acts.user_id = member_ever.user_id
    {{ at_home('acts', 'user_id', 'acts.occurred_on') }}
),

ordered as (
    select
        *,
        row_number() over (
            partition by rule_id, user_id, once_id, validity
            order by occurred_at, source_id
        ) as occurrence
    from priced
),

decided as (
    select
        *,
        case
            when validity <> 'valid' then validity
            when once_id is not null and occurrence > 1 then 'duplicate_act'
            else 'awarded'
        end as decision
    from ordered
)

select
    act_id,
    rule_id,
    activity_type,
    policy_version,
    user_id,
    scene_id,
    occurred_at,
    occurred_on,
    source_table,
    source_id,
    export_date,
    is_bonus,
    decision,
    decision = 'awarded' as is_awarded,
    case when decision = 'awarded' then points else 0 end as points
from decided
