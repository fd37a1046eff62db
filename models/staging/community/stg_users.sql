with standing as (
    {{ open_states('users') }}
),

erased as (
    select distinct pseudonym from {{ source('raw', 'erased') }}
)

select
    user_id,
    home_scene_id,
    home_scene_city,
    home_scene_state,
    home_scene_community,
    is_gps_verified,
    created_at,
    export_date,
    erased.pseudonym is not null as is_erased
from standing
left join erased
    on standing.user_id = erased.pseudonym
