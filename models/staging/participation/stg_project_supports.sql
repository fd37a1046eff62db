with standing as (
    {{ standing_rows('project_supports') }}
)

select
    id as project_support_id,
    projectId as project_id,
    userId as user_id,
    kind,
    createdAt as created_at,
    night as export_date,
    delivery_id,
    tie_order
from standing
