{{ config(group='staging', meta={'dagster': {'ref': {'name': 'delivery'}}}) }}

{{ repeated_keys({
    'as_of': ['as_of_date'],
    'delivery': ['delivery_id'],
    'snapshot_night': ['table_name', 'night']
}) }}
