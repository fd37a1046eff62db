select * from {{ ref('stg_tracks_history') }}
where to_night is null
