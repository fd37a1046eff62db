with actions as (
    select * from {{ ref('stg_signal_actions') }}
    where action_type = 'SUPPORT'
),

signals as (
    select * from {{ ref('known_signal') }}
)

select
    {{ act_columns(
        'support', 'signal_actions', 'actions.signal_action_id', 'actions.tie_order', 'actions.user_id',
        'actions.created_at', 'actions.export_date', 'actions.delivery_id', owner_band_id='signals.artist_band_id'
    ) }}
from actions
left join signals
    on actions.signal_id = signals.signal_id
