with listening as (
    select * from {{ ref('listening_day') }}
    where artist_band_id is not null
),

responses as (
    select * from {{ ref('signal_response') }}
    where artist_band_id is not null and action_type in ('ADD', 'BLAST')
),

follows as (
    select
        *,
        cast(created_at as date) as followed_on
    from {{ ref('stg_follows') }}
    where entity_type in ('artist', 'artistBand', 'band')
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
        artist_band_id,
        scene_id,
        cast(engaged_on as timestamp) as happened_at,
        'listening' as kind,
        user_id,
        engagement_points,
        listens
    from listening
    union all
    select
        artist_band_id,
        home_scene_id as scene_id,
        created_at as happened_at,
        action_type as kind,
        user_id,
        0 as engagement_points,
        0 as listens
    from responses
    union all
    select
        follows.entity_id as artist_band_id,
        home_scene.scene_id,
        follows.created_at as happened_at,
        'follow' as kind,
        follows.user_id,
        0 as engagement_points,
        0 as listens
    from follows
    {{ join_home_scene('follows', 'user_id', 'follows.followed_on') }}
)

select
    as_of.as_of_date,
    facts.artist_band_id,
    artists.name as artist_name,
    scene.state,
    scene.city,
    windows.window_days,
    cast(sum(facts.engagement_points) as bigint) as engagement_points,
    cast(sum(facts.listens) as bigint) as listens,
    count(distinct facts.user_id) filter (where facts.kind = 'listening') as listeners,
    count(*) filter (where facts.kind = 'ADD') as adds,
    count(*) filter (where facts.kind = 'BLAST') as blasts,
    {{ if_known(
        'followers', "count(distinct facts.user_id) filter (where facts.kind = 'follow')"
    ) }} as followers
from facts
inner join artists
    on facts.artist_band_id = artists.artist_band_id
inner join windows
    on facts.happened_at >= windows.starts_at
left join scene
    on facts.scene_id = scene.scene_id
cross join as_of
group by all
