with users as (
    select * from {{ ref('stg_users_history') }}
),

scene as (
    select * from {{ ref('scene') }}
),

named_scene as (
    select
        *,
        row_number() over (
            partition by city, state, music_community
            order by gone_on is not null, scene_id
        ) as preference
    from scene
    where coalesce(city, state, music_community) is not null
),

first_snapshot as (
    select min(night) as night
    from {{ ref('snapshot_night') }}
    where table_name = 'users'
),

resolved as (
    select
        users.user_id,
        users.from_night,
        users.to_night,
        users.created_at,
        coalesce(scene.scene_id, named_scene.scene_id) as scene_id
    from users
    left join scene
        on users.home_scene_id = scene.scene_id
    left join named_scene
        on
            named_scene.preference = 1
            and users.home_scene_city is not distinct from named_scene.city
            and users.home_scene_state is not distinct from named_scene.state
            and users.home_scene_community is not distinct from named_scene.music_community
),

with_previous as (
    select
        *,
        lag(to_night) over (partition by user_id order by from_night) as previous_to_night,
        lag(scene_id) over (partition by user_id order by from_night) as previous_scene_id
    from resolved
),

marked as (
    select
        *,
        case
            when previous_to_night = from_night and (previous_scene_id is not distinct from scene_id) then 0
            else 1
        end as new_stay
    from with_previous
),

numbered as (
    select
        *,
        sum(new_stay) over (partition by user_id order by from_night) as stay_number
    from marked
),

stays as (
    select
        user_id,
        scene_id,
        stay_number,
        min(from_night) as from_night,
        min(created_at) as created_at,
        case when bool_or(to_night is null) then null else max(to_night) end as to_night
    from numbered
    group by all
)

select
    stays.user_id,
    stays.scene_id,
    case
        when stays.from_night > first_snapshot.night then stays.from_night
        when cast(stays.created_at as date) < stays.from_night then cast(stays.created_at as date)
        else stays.from_night
    end as member_from,
    stays.to_night as member_to,
    case when stays.stay_number = 1 then date '0001-01-01' else stays.from_night end as valid_from,
    coalesce(
        lead(stays.from_night) over (partition by stays.user_id order by stays.from_night), date '9999-12-31'
    ) as valid_to
from stays
cross join first_snapshot
