select * from {{ ref('stg_events_history') }}
where to_night is null
