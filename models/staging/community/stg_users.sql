with standing as (
    {{ current_rows('users') }}
),

erased as (
    select distinct pseudonym from {{ source('raw', 'erased') }}
)

select
    id as user_id,
    homeSceneId as home_scene_id,
    homeSceneCity as home_scene_city,
    homeSceneState as home_scene_state,
    homeSceneCommunity as home_scene_community,
    gpsVerified as is_gps_verified,
    createdAt as created_at,
    night as export_date,
    erased.pseudonym is not null as is_erased
from standing
left join erased
    on standing.id = erased.pseudonym
