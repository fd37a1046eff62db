with standing as (
    {{ open_states('rotation_entries') }}
)

select
    rotation_entry_id,
    track_id,
    scene_id,
    pool,
    entered_pool_at,
    last_played_at,
    recurrence_score,
    graduated_at,
    created_at,
    updated_at,
    new_window_days,
    export_date
from standing
