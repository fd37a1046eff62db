{{ config(group='staging', meta={'dagster': {'ref': {'name': 'stg_users'}}}) }}

{{ repeated_keys({
    'stg_artist_band_members': ['artist_band_member_id'],
    'stg_artist_band_members_history': ['artist_band_member_id', 'from_night'],
    'stg_artist_bands': ['artist_band_id'],
    'stg_artist_bands_history': ['artist_band_id', 'from_night'],
    'stg_communities': ['community_id'],
    'stg_communities_history': ['community_id', 'from_night'],
    'stg_community_activation_audits': ['community_activation_audit_id'],
    'stg_community_members': ['community_member_id'],
    'stg_registrar_artist_members': ['registrar_artist_member_id'],
    'stg_registrar_entries': ['registrar_entry_id'],
    'stg_sect_tags': ['sect_tag_id'],
    'stg_sects': ['sect_id'],
    'stg_user_capability_grants': ['user_capability_grant_id'],
    'stg_user_tags': ['user_tag_id'],
    'stg_users': ['user_id'],
    'stg_users_history': ['user_id', 'from_night']
}) }}
