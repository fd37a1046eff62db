with standing as (
    {{ open_states('signals') }}
)

select
    signal_id,
    signal_type,
    metadata,
    community_id,
    created_by_user_id,
    created_at,
    export_date
from standing
