select * from {{ ref('stg_fair_play_config_history') }}
where to_night is null
