{#- Each check sees only what passed the ones before it: validity, self-award, once-only, what one source can bring in
    all, what a member can earn in a day. A cap pays what is left: the part of this claim that lies under it when the
    claims before are laid end to end, in the order acts happened. -#}

with acts as (
    select * from {{ ref('act') }}
),

rules as (
    select * from {{ ref('point_rule') }}
),

band_memberships as (
    select * from {{ ref('band_membership') }}
),

member_ever as (
    select distinct user_id from {{ ref('stg_users_history') }}
),

rule_span as (
    select
        rule_id,
        min(valid_from) as first_day
    from rules
    group by all
),

own_band_act as (
    select distinct acts.act_id
    from acts
    inner join band_memberships
        on
            acts.owner_band_id = band_memberships.artist_band_id
            and acts.user_id = band_memberships.user_id
            and acts.occurred_on >= band_memberships.valid_from
            and acts.occurred_on < band_memberships.valid_to
),

priced as (
    select
        acts.act_id,
        acts.rule_id,
        rules.activity_type,
        rules.policy_version,
        acts.user_id,
        coalesce(acts.scene_id, home_scene.scene_id) as scene_id,
        acts.occurred_at,
        acts.occurred_on,
        acts.source_table,
        acts.source_id,
        acts.credited_source_id,
        acts.export_date,
        acts.delivery_id,
        acts.once_id,
        acts.reversed_at,
        rules.is_bonus,
        rules.daily_cap_points,
        rules.cap_per_source,
        greatest(
            least(coalesce(acts.claimed_points, rules.points), coalesce(rules.max_points_per_award, 1000)),
            -coalesce(rules.max_points_per_award, 1000)
        ) as price,
        case
            when rule_span.rule_id is null then 'unpriced'
            when acts.occurred_on < rule_span.first_day then 'before_policy'
            when rules.rule_id is null then 'after_policy'
            when not acts.is_verified then 'not_verified'
            when member_ever.user_id is null then 'unknown_member'
            when acts.owner_user_id = acts.user_id or own_band_act.act_id is not null then 'self_award'
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
    left join own_band_act
        on acts.act_id = own_band_act.act_id
    {{ at_home('acts', 'user_id', 'acts.occurred_on') }}
),

repeated as (
    select
        act_id,
        row_number() over (
            partition by rule_id, user_id, once_id
            order by occurred_at, source_id
        ) as occurrence
    from priced
    where refusal is null and once_id is not null
),

claims as (
    select
        priced.*,
        coalesce(repeated.occurrence > 1, false) as is_repeated
    from priced
    left join repeated
        on priced.act_id = repeated.act_id
    where priced.refusal is null
),

source_share as (
    select
        act_id,
        {{ what_is_left('cap_per_source', 'price', 'rule_id, coalesce(credited_source_id, source_id)') }}
            as points
    from claims
    where not is_repeated and cap_per_source is not null
),

day_claims as (
    select
        claims.*,
        coalesce(source_share.points, claims.price) as source_points
    from claims
    left join source_share
        on claims.act_id = source_share.act_id
    where not claims.is_repeated
),

day_share as (
    select
        act_id,
        {{ what_is_left('daily_cap_points', 'source_points', 'rule_id, user_id, occurred_on') }} as points
    from day_claims
    where daily_cap_points is not null
),

decided as (
    select
        priced.*,
        case
            when priced.refusal is not null then priced.refusal
            when day_claims.act_id is null then 'duplicate_act'
            when priced.price <> 0 and day_claims.source_points = 0 then 'source_capped'
            when day_claims.source_points <> 0 and day_share.points = 0 then 'daily_capped'
            else 'awarded'
        end as decision,
        case
            when day_share.points < day_claims.source_points then 'daily'
            when day_claims.source_points < priced.price then 'source'
        end as capped_by,
        coalesce(day_share.points, day_claims.source_points, 0) as points
    from priced
    left join day_claims
        on priced.act_id = day_claims.act_id
    left join day_share
        on priced.act_id = day_share.act_id
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
    credited_source_id,
    export_date,
    delivery_id,
    reversed_at,
    is_bonus,
    decision,
    decision = 'awarded' as is_awarded,
    price,
    capped_by,
    cast(points as integer) as points
from decided
