with audits as (
    select * from {{ ref('stg_community_activation_audits') }}
),

referrals as (
    select * from {{ ref('stg_pioneer_referrals') }}
),

audit_listeners as (
    select distinct
        audits.community_activation_audit_id,
        audits.scene_id,
        audits.created_at,
        audits.export_date,
        {{ id_or_null('elements.listener') }} as user_id
    from audits
    {{ json_elements('audits.cutover_listener_ids', 'listener') }}
)

select
    'pioneer_formation' as rule_id,
    user_id,
    created_at as occurred_at,
    'community_activation_audits' as source_table,
    community_activation_audit_id as source_id,
    scene_id,
    export_date,
    true as is_verified,
    scene_id as once_id
from audit_listeners
union all
select
    'pioneer_recruiting' as rule_id,
    pioneer_user_id as user_id,
    created_at as occurred_at,
    'pioneer_referrals' as source_table,
    pioneer_referral_id as source_id,
    community_id as scene_id,
    export_date,
    true as is_verified,
    cast(null as uuid) as once_id
from referrals
union all
select
    'pioneer_joining' as rule_id,
    recruited_user_id as user_id,
    created_at as occurred_at,
    'pioneer_referrals' as source_table,
    pioneer_referral_id as source_id,
    community_id as scene_id,
    export_date,
    true as is_verified,
    cast(null as uuid) as once_id
from referrals
