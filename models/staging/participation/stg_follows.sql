with standing as (
    {{ standing_rows('follows') }}
)

select
    id as follow_id,
    followerId as user_id,
    entityType as entity_type,
    entityId as entity_id,
    createdAt as created_at,
    night as export_date,
    delivery_id
from standing
