with home_scene as (
    select * from {{ ref('home_scene') }}
    where member_to is null
),

users as (
    select * from {{ ref('stg_users') }}
)

select
    users.user_id,
    home_scene.scene_id,
    users.created_at,
    users.is_gps_verified
from users
inner join home_scene
    on users.user_id = home_scene.user_id
