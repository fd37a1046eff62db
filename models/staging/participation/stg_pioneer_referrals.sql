with standing as (
    {{ standing_rows('pioneer_referrals') }}
)

select
    id as pioneer_referral_id,
    pioneerId as pioneer_user_id,
    recruitedUserId as recruited_user_id,
    communityId as community_id,
    createdAt as created_at,
    night as export_date,
    delivery_id,
    tie_order
from standing
