with actions as (
    select * from {{ ref('stg_signal_actions') }}
)

select
    'blast' as rule_id,
    user_id,
    created_at as occurred_at,
    'signal_actions' as source_table,
    signal_action_id as source_id,
    cast(null as uuid) as scene_id,
    export_date,
    true as is_verified,
    cast(null as uuid) as once_id
from actions
where action_type = 'BLAST'
