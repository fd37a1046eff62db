select * from {{ ref('stg_artist_bands_history') }}
where to_night is null
