with standing as (
    {{ current_rows('artist_bands') }}
)

select
    id as artist_band_id,
    name,
    slug,
    entityType as entity_type,
    homeSceneId as home_scene_id,
    createdById as created_by_user_id,
    createdAt as created_at,
    night as export_date
from standing
