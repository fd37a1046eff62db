with standing as (
    {{ current_rows('collections') }}
)

select
    id as collection_id,
    userId as user_id,
    createdAt as created_at,
    night as export_date
from standing
