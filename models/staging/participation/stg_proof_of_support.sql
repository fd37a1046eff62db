with standing as (
    {{ open_states('proof_of_support') }}
)

select
    proof_of_support_id,
    user_id,
    kind,
    event_id,
    artist_band_id,
    project_id,
    status,
    method,
    verified_at,
    revoked_at,
    created_at,
    updated_at,
    export_date
from standing
