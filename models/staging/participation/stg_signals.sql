with standing as (
    {{ current_rows('signals') }}
)

select
    id as signal_id,
    type as signal_type,
    metadata,
    communityId as community_id,
    createdById as created_by_user_id,
    createdAt as created_at,
    night as export_date
from standing
