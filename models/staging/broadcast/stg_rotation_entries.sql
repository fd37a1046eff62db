with standing as (
    {{ current_rows('rotation_entries') }}
)

select
    id as rotation_entry_id,
    trackId as track_id,
    sceneId as scene_id,
    pool,
    enteredPoolAt as entered_pool_at,
    lastPlayedAt as last_played_at,
    recurrenceScore as recurrence_score,
    graduatedAt as graduated_at,
    createdAt as created_at,
    updatedAt as updated_at,
    newWindowDays as new_window_days,
    night as export_date
from standing
