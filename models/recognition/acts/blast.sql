with actions as (
    select * from {{ ref('stg_signal_actions') }}
    where action_type = 'BLAST'
),

signals as (
    select * from {{ ref('known_signal') }}
)

select
    {{ act_columns(
        'blast', 'signal_actions', 'actions.signal_action_id', 'actions.tie_order', 'actions.user_id',
        'actions.created_at', 'actions.export_date', 'actions.delivery_id',
        signal_id='actions.signal_id'
    ) }}
from actions
left join signals
    on actions.signal_id = signals.signal_id
where signals.signal_type is distinct from 'flyer'
