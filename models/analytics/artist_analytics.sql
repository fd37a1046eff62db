with listening as (
    select * from {{ ref('listening_day') }}
    where artist_band_id is not null
),

responses as (
    select * from {{ ref('artist_response_window') }}
),

artists as (
    select * from {{ ref('stg_artist_bands') }}
),

scene as (
    select * from {{ ref('scene') }}
),

windows as (
    select * from {{ ref('summary_window') }}
),

as_of as (
    select * from {{ ref('as_of') }}
),

facts as (
    select
        windows.window_days,
        listening.artist_band_id,
        listening.scene_id,
        'listening' as kind,
        listening.user_id,
        listening.engagement_points,
        listening.listens,
        false as is_attendance,
        false as is_last_of_several_events
    from listening
    inner join windows
        on listening.engaged_on >= windows.starts_at and listening.engaged_on < windows.as_of
    union all
    select
        window_days,
        artist_band_id,
        scene_id,
        response as kind,
        user_id,
        0 as engagement_points,
        0 as listens,
        is_attendance,
        is_last_of_several_events
    from responses
),

places as (
    select
        facts.artist_band_id,
        artists.name as artist_name,
        scene.state,
        scene.city,
        facts.window_days,
        sum(facts.engagement_points) as engagement_points,
        sum(facts.listens) as listens,
        count(distinct facts.user_id) filter (where facts.kind = 'listening') as listeners,
        count(*) filter (where facts.kind = 'add') as adds,
        count(*) filter (where facts.kind = 'blast') as blasts,
        count(distinct facts.user_id) filter (where facts.kind = 'follow') as followers,
        count(distinct facts.user_id) filter (where facts.kind = 'add') as adders,
        count(distinct facts.user_id) filter (
            where facts.kind in ('follow', 'add', 'check_in')
        ) as aware_people,
        count(*) filter (where facts.is_attendance) as attendance,
        count(distinct facts.user_id) filter (where facts.kind = 'check_in') as attendees,
        count(*) filter (where facts.is_last_of_several_events) as repeat_attendees
    from facts
    inner join artists
        on facts.artist_band_id = artists.artist_band_id
    left join scene
        on facts.scene_id = scene.scene_id
    group by all
)

select
    as_of.as_of_date,
    places.artist_band_id,
    places.artist_name,
    places.state,
    places.city,
    places.window_days,
    cast(places.engagement_points as bigint) as engagement_points,
    cast(places.listens as bigint) as listens,
    places.listeners,
    places.adds,
    places.blasts,
    {{ if_known('followers', 'places.followers') }} as followers,
    places.adders,
    {{ if_known('followers', 'places.aware_people') }} as aware_people,
    {{ if_known('verified_attendance', 'places.attendance') }} as attendance,
    {{ if_known('verified_attendance', 'places.attendees') }} as attendees,
    {{ if_known('verified_attendance', 'places.repeat_attendees') }} as repeat_attendees,
    places.engagement_points / nullif(sum(places.engagement_points) over (
        partition by places.artist_band_id, places.window_days
    ), 0) as engagement_share
from places
cross join as_of
