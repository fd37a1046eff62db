select * from {{ ref('stg_rotation_entries_history') }}
where to_night is null
