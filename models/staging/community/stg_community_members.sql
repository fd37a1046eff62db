with standing as (
    {{ standing_rows('community_members') }}
)

select
    id as community_member_id,
    userId as user_id,
    communityId as community_id,
    role,
    joinedAt as joined_at,
    night as export_date,
    delivery_id
from standing
