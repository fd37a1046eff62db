select * from {{ ref('stg_signals_history') }}
where to_night is null
