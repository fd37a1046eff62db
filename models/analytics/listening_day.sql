with engagements as (
    select
        *,
        cast(created_at as date) as engaged_on
    from {{ ref('stg_track_engagements') }}
)

select
    engagements.engaged_on,
    engagements.user_id,
    home_scene.scene_id,
    engagements.track_id,
    cast(sum(engagements.score) as bigint) as engagement_points,
    count(*) as listens,
    count(*) filter (where engagements.engagement_type = 'full') as full_listens,
    count(*) filter (where engagements.engagement_type = 'majority') as majority_listens,
    count(*) filter (where engagements.engagement_type = 'partial') as partial_listens,
    count(*) filter (where engagements.engagement_type = 'skip') as skips
from engagements
{{ join_home_scene('engagements', 'user_id', 'engagements.engaged_on') }}
group by all
