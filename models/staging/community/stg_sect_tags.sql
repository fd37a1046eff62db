with standing as (
    {{ current_rows('sect_tags') }}
)

select
    id as sect_tag_id,
    name,
    status,
    parentCommunityId as parent_community_id,
    createdAt as created_at,
    night as export_date
from standing
