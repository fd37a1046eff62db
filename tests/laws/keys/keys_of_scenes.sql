{{ config(group='scenes', meta={'dagster': {'ref': {'name': 'scene'}}}) }}

{{ repeated_keys({
    'home_scene': ['user_id', 'valid_from'],
    'scene': ['scene_id'],
    'scene_scope': ['scene_id', 'tier']
}) }}
