select
    'scene' as subject_type,
    scene_id as subject_id,
    name
from {{ ref('scene') }}
union all
select
    'community' as subject_type,
    community_id as subject_id,
    name
from {{ ref('stg_communities') }}
where tier <> 'city'
union all
select
    'artist' as subject_type,
    artist_band_id as subject_id,
    name
from {{ ref('stg_artist_bands') }}
union all
select
    'track' as subject_type,
    track_id as subject_id,
    title as name
from {{ ref('stg_tracks') }}
union all
select
    'sect' as subject_type,
    sect_tag_id as subject_id,
    name
from {{ ref('stg_sect_tags') }}
union all
select
    'event' as subject_type,
    event_id as subject_id,
    title as name
from {{ ref('stg_events') }}
