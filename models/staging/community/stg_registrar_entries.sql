with standing as (
    {{ current_rows('registrar_entries') }}
)

select
    id as registrar_entry_id,
    type as entry_type,
    status,
    sceneId as scene_id,
    createdById as created_by_user_id,
    artistBandId as artist_band_id,
    createdAt as created_at,
    updatedAt as updated_at,
    night as export_date
from standing
