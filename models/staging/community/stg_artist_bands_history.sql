with history as (
    {{ history_rows('artist_bands') }}
)

select
    id as artist_band_id,
    name,
    slug,
    entityType as entity_type,
    homeSceneId as home_scene_id,
    createdById as created_by_user_id,
    createdAt as created_at,
    from_night,
    to_night
from history
