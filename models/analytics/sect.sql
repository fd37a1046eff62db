{#- Names are matched in lower case and trimmed. -#}

with tags as (
    select
        *,
        lower(trim(name)) as sect_name
    from {{ ref('stg_sect_tags') }}
),

official as (
    select distinct
        parent_community_id,
        lower(trim(name)) as sect_name
    from {{ ref('stg_sects') }}
),

scene as (
    select * from {{ ref('scene') }}
)

select
    tags.sect_tag_id,
    tags.parent_community_id as scene_id,
    scene.music_community,
    tags.sect_name,
    official.sect_name is not null as is_official
from tags
left join official
    on
        tags.parent_community_id = official.parent_community_id
        and tags.sect_name = official.sect_name
left join scene
    on tags.parent_community_id = scene.scene_id
