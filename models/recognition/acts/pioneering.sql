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
        audits.delivery_id,
        {{ id_or_null('elements.listener') }} as user_id
    from audits
    {{ json_elements('audits.cutover_listener_ids', 'listener') }}
)

select
    {{ act_columns(
        'pioneer_formation', 'community_activation_audits', 'community_activation_audit_id',
        'community_activation_audit_id', 'user_id', 'created_at', 'export_date', 'delivery_id', scene_id='scene_id',
        once_id='scene_id'
    ) }}
from audit_listeners
union all
select
    {{ act_columns(
        'pioneer_recruiting', 'pioneer_referrals', 'pioneer_referral_id', 'tie_order', 'pioneer_user_id',
        'created_at', 'export_date', 'delivery_id', scene_id='community_id',
        counterpart_user_id='recruited_user_id'
    ) }}
from referrals
union all
select
    {{ act_columns(
        'pioneer_joining', 'pioneer_referrals', 'pioneer_referral_id', 'tie_order', 'recruited_user_id',
        'created_at', 'export_date', 'delivery_id', scene_id='community_id',
        counterpart_user_id='pioneer_user_id'
    ) }}
from referrals
