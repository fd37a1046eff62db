with standing as (
    {{ current_rows('user_capability_grants') }}
)

select
    id as user_capability_grant_id,
    userId as user_id,
    capability,
    status,
    grantedAt as granted_at,
    revokedAt as revoked_at,
    createdAt as created_at,
    night as export_date
from standing
