with standing as (
    {{ standing_rows('user_tags') }}
)

select
    id as user_tag_id,
    userId as user_id,
    sectTagId as sect_tag_id,
    createdAt as created_at,
    night as export_date,
    delivery_id
from standing
