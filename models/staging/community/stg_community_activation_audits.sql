with standing as (
    {{ standing_rows('community_activation_audits') }}
)

select
    id as community_activation_audit_id,
    sceneId as scene_id,
    createdScene as is_new_scene,
    cutoverListenerIds as cutover_listener_ids,
    createdAt as created_at,
    night as export_date,
    delivery_id
from standing
