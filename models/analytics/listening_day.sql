with engagements as (
    select
        *,
        cast(created_at as date) as engaged_on
    from {{ ref('stg_track_engagements') }}
),

tracks as (
    select * from {{ ref('stg_tracks') }}
)

select
    engagements.engaged_on,
    engagements.user_id,
    home_scene.scene_id,
    tracks.artist_band_id,
    cast(sum(engagements.score) as bigint) as engagement_points,
    count(*) as listens,
    count(*) filter (where engagements.engagement_type = 'full') as full_listens,
    count(*) filter (where engagements.engagement_type = 'majority') as majority_listens,
    count(*) filter (where engagements.engagement_type = 'partial') as partial_listens,
    count(*) filter (where engagements.engagement_type = 'skip') as skips
from engagements
left join tracks
    on engagements.track_id = tracks.track_id
{{ join_home_scene('engagements', 'user_id', 'engagements.engaged_on') }}
group by all
