with scenes as (
    select * from {{ ref('map_point_scene') }}
),

numbers as (
    select
        scope_id,
        max(value) filter (where metric = 'total_members') as total_members,
        max(value) filter (where metric = 'members') as members,
        max(value) filter (where metric = 'active_tracks') as active_tracks,
        max(value) filter (where metric = 'active_sects') as active_sects,
        max(value) filter (where metric = 'events_created' and window_days = 7) as events_created_7d,
        max(value) filter (where metric = 'events_this_month') as events_this_month,
        max(value) filter (where metric = 'active_users' and window_days = 7) as active_users_7d,
        max(value) filter (where metric = 'active_users' and window_days = 30) as active_users_30d,
        max(value) filter (where metric = 'flag_size_band' and window_days = 7) as flag_size_band_7d,
        max(value) filter (where metric = 'flag_size_band' and window_days = 30) as flag_size_band_30d,
        max(value) filter (where metric = 'flag_colour_band' and window_days = 7) as flag_colour_band_7d,
        max(value) filter (where metric = 'flag_colour_band' and window_days = 30) as flag_colour_band_30d
    from {{ ref('shown_value') }}
    where subject_type = 'scene' and bucket is null
    group by all
),

scene_scope as (
    select * from {{ ref('scene_scope') }}
),

as_of as (
    select * from {{ ref('as_of') }}
),

points as (
    select
        scenes.tier,
        scenes.scope_id,
        scenes.point_scene_id,
        scenes.city,
        scenes.state,
        scenes.music_community,
        -- The scope that has exactly the scenes of the point.
        case
            when count(distinct scene_scope.scope_id) = 1 then min(scene_scope.scope_id)
        end as point_scope_id,
        count(*) as scenes,
        sum(numbers.total_members) as total_members,
        sum(numbers.members) as members,
        sum(numbers.active_tracks) as active_tracks,
        sum(numbers.active_sects) as active_sects,
        sum(numbers.events_created_7d) as events_created_7d,
        sum(numbers.events_this_month) as events_this_month,
        cast(sum(scenes.centre_latitude) as double) / count(scenes.centre_latitude) as centre_latitude,
        cast(sum(scenes.centre_longitude) as double) / count(scenes.centre_longitude) as centre_longitude
    from scenes
    left join numbers
        on scenes.scene_id = numbers.scope_id
    left join scene_scope
        on
            scenes.scene_id = scene_scope.scene_id
            and scene_scope.tier = case scenes.tier when 'national' then 'state' else 'city' end
    group by all
)

select
    as_of.as_of_date,
    points.tier,
    points.scope_id,
    points.point_scope_id,
    points.state,
    points.city,
    points.music_community,
    points.scenes,
    points.centre_latitude,
    points.centre_longitude,
    {%- for sum in [
        'total_members', 'members', 'active_tracks', 'active_sects', 'events_created_7d', 'events_this_month'
    ] %}
    cast(points.{{ sum }} as bigint) as {{ sum }},
    {%- endfor %}
    {%- for number in ['active_users', 'flag_size_band', 'flag_colour_band'] %}
    cast(numbers.{{ number }}_7d as bigint) as {{ number }}_7d,
    cast(numbers.{{ number }}_30d as bigint) as {{ number }}_30d{% if not loop.last %},{% endif %}
    {%- endfor %}
from points
left join numbers
    on points.point_scope_id = numbers.scope_id
cross join as_of
