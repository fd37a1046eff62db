with standing as (
    {{ open_states('projects') }}
)

select
    project_id,
    name,
    community_id,
    created_by_user_id,
    status,
    created_at,
    export_date
from standing
