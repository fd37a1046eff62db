with entries as (
    select * from {{ ref('stg_rotation_entries_history') }}
    where pool = 'MAIN_ROTATION'
),

communities as (
    select * from {{ ref('stg_communities_history') }}
),

snapshot_nights as (
    select * from {{ ref('snapshot_night') }}
),

verdicts as (
    select * from {{ ref('recurrence_verdict') }}
),

community_tier as (
    select
        community_id,
        max_by(tier, from_night) filter (where tier is not null) as tier
    from communities
    group by all
)

select
    snapshot_nights.night as as_of_date,
    entries.scene_id,
    entries.track_id,
    entries.recurrence_score,
    verdicts.replayed_recurrence_score,
    case when community_tier.tier = 'city' then verdicts.verdict else 'not_judged' end as verdict,
    case
        when coalesce(community_tier.tier, '') <> 'city' then 'scene_not_city'
        when verdicts.verdict = 'not_judged' then 'window_not_known'
    end as not_judged_because,
    entries.updated_at,
    entries.graduated_at
from entries
inner join snapshot_nights
    on
        snapshot_nights.table_name = 'rotation_entries'
        and snapshot_nights.night >= entries.from_night
        and snapshot_nights.night < coalesce(entries.to_night, date '9999-12-31')
inner join verdicts
    on
        entries.track_id = verdicts.track_id
        and entries.recurrence_score = verdicts.recurrence_score
        and entries.updated_at = verdicts.updated_at
        and entries.graduated_at is not distinct from verdicts.graduated_at
left join community_tier
    on entries.scene_id = community_tier.community_id
