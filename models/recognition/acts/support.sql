with actions as (
    select * from {{ ref('stg_signal_actions') }}
    where action_type = 'SUPPORT'
)

select
    {{ act_columns(
        'support', 'signal_actions', 'actions.signal_action_id', 'actions.tie_order', 'actions.user_id',
        'actions.created_at', 'actions.export_date', 'actions.delivery_id', signal_id='actions.signal_id'
    ) }}
from actions
