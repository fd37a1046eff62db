with engagements as (
    select
        *,
        cast(created_at as date) as engaged_on
    from {{ ref('stg_track_engagements') }}
    where session_id is not null
),

tracks as (
    select * from {{ ref('stg_tracks') }}
),

-- Of the tracks of one instant the longest counts.
instants as (
    select
        engagements.user_id,
        engagements.session_id,
        home_scene.scene_id,
        engagements.created_at,
        count(*) as listens,
        coalesce(max(tracks.duration_seconds), 0) as track_seconds
    from engagements
    left join tracks
        on engagements.track_id = tracks.track_id
    {{ join_home_scene('engagements', 'user_id', 'engagements.engaged_on') }}
    group by all
)

select
    user_id,
    session_id,
    scene_id,
    min(created_at) as started_at,
    max(created_at) as last_listen_at,
    max_by(track_seconds, created_at) filter (where track_seconds is not null) as last_track_seconds,
    cast(sum(listens) as bigint) as listens
from instants
group by all
