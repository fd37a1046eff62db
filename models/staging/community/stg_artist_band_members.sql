select * from {{ ref('stg_artist_band_members_history') }}
where to_night is null
