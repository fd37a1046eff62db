{#- What an act would earn if no cap and no earlier act limited it, or the first reason why it claims nothing. -#}

with acts as (
    select * from {{ ref('act') }}
),

rules as (
    select * from {{ ref('point_rule') }}
),

self_awards as (
    select * from {{ ref('self_award') }}
),

member_ever as (
    select distinct user_id from {{ ref('stg_users_history') }}
),

-- A source row may name a community that is not a scene; no points count there.
scene as (
    select scene_id from {{ ref('scene') }}
),

rule_span as (
    select
        rule_id,
        min(valid_from) as first_day
    from rules
    group by all
)

select
    acts.act_id,
    acts.rule_id,
    rules.activity_type,
    rules.policy_version,
    acts.user_id,
    case when acts.scene_id is null then home_scene.scene_id else scene.scene_id end as scene_id,
    acts.occurred_at,
    acts.occurred_on,
    acts.source_table,
    acts.source_id,
    acts.credited_source_id,
    acts.export_date,
    acts.delivery_id,
    acts.once_id,
    acts.tie_order,
    acts.reversed_at,
    rules.is_bonus,
    rules.daily_cap_points,
    rules.cap_per_source,
    case when rules.rule_id is not null then greatest(
        least(coalesce(acts.claimed_points, rules.points), rules.max_points_per_award),
        -rules.max_points_per_award
    ) end as price,
    case
        when rule_span.rule_id is null then 'unpriced'
        when acts.occurred_on < rule_span.first_day then 'before_policy'
        when rules.rule_id is null then 'after_policy'
        when not acts.is_verified then 'not_verified'
        when member_ever.user_id is null then 'unknown_member'
        when self_awards.act_id is not null then 'self_award'
    end as refusal
from acts
left join rules
    on
        acts.rule_id = rules.rule_id
        and acts.occurred_on >= rules.valid_from
        and acts.occurred_on < coalesce(rules.valid_to, date '9999-12-31')
left join rule_span
    on acts.rule_id = rule_span.rule_id
left join member_ever
    on acts.user_id = member_ever.user_id
left join self_awards
    on acts.act_id = self_awards.act_id
left join scene
    on acts.scene_id = scene.scene_id
{{ join_home_scene('acts', 'user_id', 'acts.occurred_on') }}
