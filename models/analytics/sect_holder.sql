with sects as (
    select * from {{ ref('sect') }}
),

tags as (
    select * from {{ ref('stg_user_tags') }}
),

users as (
    select * from {{ ref('stg_users') }}
)

select
    sects.sect_tag_id,
    sects.scene_id,
    sects.sect_name,
    tags.user_id,
    min(tags.created_at) as held_since
from tags
inner join sects
    on tags.sect_tag_id = sects.sect_tag_id
inner join users
    on tags.user_id = users.user_id
group by all
