with supports as (
    select * from {{ ref('stg_project_supports') }}
)

select
    'project_support' as rule_id,
    user_id,
    created_at as occurred_at,
    'project_supports' as source_table,
    project_support_id as source_id,
    cast(null as uuid) as scene_id,
    export_date,
    true as is_verified,
    cast(null as uuid) as once_id
from supports
