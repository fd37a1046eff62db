{{ config(group='staging', meta={'dagster': {'ref': {'name': 'stg_events'}}}) }}

{{ repeated_keys({
    'stg_activity_point_adjustments': ['activity_point_adjustment_id'],
    'stg_collection_items': ['collection_item_id'],
    'stg_collections': ['collection_id'],
    'stg_event_attendances': ['event_attendance_id'],
    'stg_events': ['event_id'],
    'stg_events_history': ['event_id', 'from_night'],
    'stg_follows': ['follow_id'],
    'stg_pioneer_referrals': ['pioneer_referral_id'],
    'stg_project_supports': ['project_support_id'],
    'stg_projects': ['project_id'],
    'stg_projects_history': ['project_id', 'from_night'],
    'stg_proof_of_support': ['proof_of_support_id'],
    'stg_proof_of_support_history': ['proof_of_support_id', 'from_night'],
    'stg_signals': ['signal_id'],
    'stg_signals_history': ['signal_id', 'from_night']
}) }}
