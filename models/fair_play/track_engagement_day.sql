with engagements as (
    select * from {{ ref('stg_track_engagements') }}
)

select
    track_id,
    cast(created_at as date) as engaged_on,
    cast(sum(score) as bigint) as engagement_points,
    count(*) filter (where engagement_type = 'full') as full_listens,
    count(*) filter (where engagement_type = 'majority') as majority_listens,
    count(*) filter (where engagement_type = 'partial') as partial_listens,
    count(*) filter (where engagement_type = 'skip') as skips
from engagements
group by all
