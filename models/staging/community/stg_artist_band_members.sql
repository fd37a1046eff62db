with standing as (
    {{ open_states('artist_band_members') }}
)

select
    artist_band_member_id,
    artist_band_id,
    user_id,
    role,
    created_at,
    export_date
from standing
