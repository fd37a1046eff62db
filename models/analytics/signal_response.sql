with actions as (
    select
        *,
        cast(created_at as date) as acted_on
    from {{ ref('stg_signal_actions') }}
),

signals as (
    select * from {{ ref('stg_signals') }}
)

select
    actions.signal_action_id,
    actions.signal_id,
    actions.action_type,
    actions.user_id,
    actions.created_at,
    home_scene.scene_id as home_scene_id,
    signals.community_id as scene_id,
    signals.signal_type,
    signals.artist_band_id
from actions
left join signals
    on actions.signal_id = signals.signal_id
{{ join_home_scene('actions', 'user_id', 'actions.acted_on') }}
