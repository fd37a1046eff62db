with standing as (
    {{ open_states('events') }}
)

select
    event_id,
    title,
    starts_at,
    ends_at,
    community_id,
    created_by_user_id,
    created_at,
    artist_band_id,
    export_date
from standing
