with history as (
    {{ history_rows('projects') }}
)

select
    id as project_id,
    name,
    communityId as community_id,
    createdById as created_by_user_id,
    status,
    createdAt as created_at,
    from_night,
    to_night,
    delivery_id
from history
