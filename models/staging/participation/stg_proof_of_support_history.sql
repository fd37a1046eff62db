with history as (
    {{ history_rows('proof_of_support') }}
)

select
    id as proof_of_support_id,
    userId as user_id,
    kind,
    eventId as event_id,
    artistBandId as artist_band_id,
    projectId as project_id,
    status,
    method,
    verifiedAt as verified_at,
    revokedAt as revoked_at,
    createdAt as created_at,
    updatedAt as updated_at,
    from_night,
    to_night,
    delivery_id,
    tie_order
from history
