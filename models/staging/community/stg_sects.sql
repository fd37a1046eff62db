with standing as (
    {{ current_rows('sects') }}
)

select
    id as sect_id,
    parentCommunityId as parent_community_id,
    name,
    createdAt as created_at,
    night as export_date
from standing
