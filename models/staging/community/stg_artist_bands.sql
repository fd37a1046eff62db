with standing as (
    {{ open_states('artist_bands') }}
)

select
    artist_band_id,
    name,
    slug,
    entity_type,
    home_scene_id,
    created_by_user_id,
    created_at,
    export_date
from standing
