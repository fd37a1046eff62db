with holders as (
    select * from {{ ref('sect_holder') }}
),

band_members as (
    select * from {{ ref('stg_artist_band_members') }}
),

artists as (
    select * from {{ ref('stg_artist_bands') }}
)

select distinct
    holders.sect_tag_id,
    holders.scene_id,
    artists.artist_band_id,
    artists.home_scene_id,
    holders.user_id
from holders
inner join band_members
    on holders.user_id = band_members.user_id
inner join artists
    on band_members.artist_band_id = artists.artist_band_id
