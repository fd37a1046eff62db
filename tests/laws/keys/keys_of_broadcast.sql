{{ config(group='staging', meta={'dagster': {'ref': {'name': 'stg_tracks'}}}) }}

{{ repeated_keys({
    'stg_fair_play_config': ['fair_play_config_id'],
    'stg_fair_play_config_history': ['fair_play_config_id', 'from_night'],
    'stg_release_deck_schedules': ['release_deck_schedule_id'],
    'stg_rotation_entries': ['rotation_entry_id'],
    'stg_rotation_entries_history': ['rotation_entry_id', 'from_night'],
    'stg_tracks': ['track_id'],
    'stg_tracks_history': ['track_id', 'from_night']
}) }}
