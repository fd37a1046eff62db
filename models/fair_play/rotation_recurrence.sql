{%- set default_window_days = 14 -%}
{%- set job_time = 'interval 60 second' -%}
{%- set step = 'interval 1 millisecond' -%}

with entries as (
    select * from {{ ref('stg_rotation_entries_history') }}
    where pool = 'MAIN_ROTATION'
),

engagements as (
    select * from {{ ref('stg_track_engagements') }}
),

config_states as (
    select * from {{ ref('stg_fair_play_config_history') }}
    where scope = 'global'
),

communities as (
    select * from {{ ref('stg_communities_history') }}
),

deliveries as (
    select * from {{ ref('delivery') }}
    where table_name = 'track_engagements'
),

snapshot_nights as (
    select * from {{ ref('snapshot_night') }}
),

community_tier as (
    select
        community_id,
        max_by(tier, from_night) as tier
    from communities
    group by all
),

window_length as (
    select
        case
            when from_night = (select min(night) from snapshot_nights where table_name = 'fair_play_config')
                then date '0001-01-01'
            else from_night
        end as valid_from,
        coalesce(to_night, date '9999-12-31') as valid_to,
        coalesce(recurrence_rolling_window_days, {{ default_window_days }}) as window_days
    from config_states
),

-- What each exported score could have been computed at: the job's instant is updated_at to within seconds, and
-- graduation computed it at graduated_at.
exported_scores as (
    select distinct
        track_id,
        recurrence_score,
        updated_at,
        graduated_at
    from entries
),

instants as (
    select
        exported_scores.*,
        'job' as computed_by,
        exported_scores.updated_at as computed_at
    from exported_scores
    union all
    select
        exported_scores.*,
        'graduation' as computed_by,
        exported_scores.graduated_at as computed_at
    from exported_scores
    where exported_scores.graduated_at is not null
),

windows as (
    select
        instants.*,
        coalesce(window_length.window_days, {{ default_window_days }}) as window_days
    from instants
    left join window_length
        on
            cast(instants.computed_at as date) >= window_length.valid_from
            and cast(instants.computed_at as date) < window_length.valid_to
),

-- Days whose engagement is not fully known: not delivered, refused, or with rejected rows. The first night
-- delivered holds all days before it, and takes them with it if it was refused.
engagement_nights as (
    select
        night,
        bool_or(status = 'refused') or coalesce(sum(rows_rejected), 0) > 0 as is_unsound,
        bool_or(status = 'accepted') as is_accepted
    from deliveries
    group by all
),

accepted_nights as (
    select
        night,
        is_unsound,
        lag(night) over (order by night) as previous_night
    from engagement_nights
    where is_accepted
),

unsound_days as (
    select
        case when previous_night is null then date '0001-01-01' else night end as first_day,
        night as last_day
    from accepted_nights
    where is_unsound
    union all
    select
        cast(previous_night + interval 1 day as date) as first_day,
        cast(night - interval 1 day as date) as last_day
    from accepted_nights
    where night > previous_night + interval 1 day
    union all
    select
        date '0001-01-01' as first_day,
        max(night) as last_day
    from engagement_nights
    where night < (select min(night) from accepted_nights)
    union all
    select
        coalesce(cast(max(night) + interval 1 day as date), date '0001-01-01') as first_day,
        date '9999-12-31' as last_day
    from accepted_nights
),

judgeable as (
    select
        windows.track_id,
        windows.recurrence_score,
        windows.updated_at,
        windows.graduated_at,
        windows.computed_by,
        windows.computed_at,
        windows.window_days,
        bool_and(unsound_days.first_day is null) as is_judgeable
    from windows
    left join unsound_days
        on
            unsound_days.first_day <= cast(windows.computed_at as date)
            and unsound_days.last_day
            >= cast({{ days_before('windows.computed_at', 'windows.window_days') }} as date)
    group by all
),

-- Inside the job's time the score changes only where an engagement enters or leaves the window: those instants,
-- and the milliseconds beside them, are all that need to be tried.
edges as (
    select
        judgeable.*,
        buckets.bucket,
        shifts.shift_days
    from judgeable
    cross join (values (0), (1)) as buckets (bucket)
    cross join
        lateral (
            select 0 as shift_days
            union all
            select judgeable.window_days
        ) as shifts
    where judgeable.computed_by = 'job'
),

crossings as (
    select
        edges.track_id,
        edges.recurrence_score,
        edges.updated_at,
        edges.graduated_at,
        edges.window_days,
        engagements.created_at + edges.shift_days * interval 24 hour as crossed_at
    from edges
    inner join engagements
        on
            edges.track_id = engagements.track_id
            and date_trunc('minute', engagements.created_at)
            = date_trunc(
                'minute',
                {{ days_before('edges.updated_at', 'edges.shift_days') }} - edges.bucket * {{ job_time }}
            )
),

candidates as (
    select
        track_id,
        recurrence_score,
        updated_at,
        graduated_at,
        window_days,
        'exact ' || computed_by as kind,
        computed_at as tried_at
    from judgeable
    union
    select
        judgeable.track_id,
        judgeable.recurrence_score,
        judgeable.updated_at,
        judgeable.graduated_at,
        judgeable.window_days,
        'within job time' as kind,
        judgeable.updated_at - {{ job_time }} as tried_at
    from judgeable
    where computed_by = 'job'
    union
    select
        crossings.track_id,
        crossings.recurrence_score,
        crossings.updated_at,
        crossings.graduated_at,
        crossings.window_days,
        'within job time' as kind,
        crossings.crossed_at + beside.steps * {{ step }} as tried_at
    from crossings
    cross join (values (-1), (0), (1)) as beside (steps)
    where
        crossings.crossed_at + beside.steps * {{ step }} >= crossings.updated_at - {{ job_time }}
        and crossings.crossed_at + beside.steps * {{ step }} <= crossings.updated_at
),

-- A window's sum is the difference of two running sums: engagement up to its end, less engagement before its start.
bounds as (
    select
        track_id,
        tried_at as happened_at,
        2 as place,
        0 as score,
        window_days,
        tried_at
    from candidates
    union
    select
        track_id,
        {{ days_before('tried_at', 'window_days') }} as happened_at,
        0 as place,
        0 as score,
        window_days,
        tried_at
    from candidates
    union all
    select
        track_id,
        created_at as happened_at,
        1 as place,
        score,
        cast(null as integer) as window_days,
        cast(null as timestamp) as tried_at
    from engagements
),

running as (
    select
        *,
        sum(score) over (
            partition by track_id
            order by happened_at, place
            rows between unbounded preceding and current row
        ) as score_so_far
    from bounds
),

replayed as (
    select
        track_id,
        window_days,
        tried_at,
        cast(
            coalesce(max(score_so_far) filter (where place = 2), 0)
            - coalesce(max(score_so_far) filter (where place = 0), 0) as bigint
        ) as replayed_score
    from running
    where place <> 1
    group by all
),

tried as (
    select
        candidates.*,
        replayed.replayed_score
    from candidates
    inner join replayed
        on
            candidates.track_id = replayed.track_id
            and candidates.window_days = replayed.window_days
            and candidates.tried_at = replayed.tried_at
),

matched as (
    select
        track_id,
        recurrence_score,
        updated_at,
        graduated_at,
        max(replayed_score) filter (where kind = 'exact job') as replayed_at_update,
        bool_or(kind = 'exact job' and replayed_score = recurrence_score) as matches_job,
        bool_or(kind = 'exact graduation' and replayed_score = recurrence_score) as matches_graduation,
        bool_or(kind = 'within job time' and replayed_score = recurrence_score) as matches_within_job_time
    from tried
    group by all
),

soundness as (
    select
        track_id,
        recurrence_score,
        updated_at,
        graduated_at,
        bool_and(is_judgeable) filter (where computed_by = 'job') as job_is_judgeable,
        coalesce(bool_and(is_judgeable) filter (where computed_by = 'graduation'), true)
            as graduation_is_judgeable
    from judgeable
    group by all
),

judged as (
    select
        matched.track_id,
        matched.recurrence_score,
        matched.updated_at,
        matched.graduated_at,
        case
            when soundness.job_is_judgeable and matched.matches_job then 'match'
            when soundness.graduation_is_judgeable and matched.matches_graduation then 'match'
            when soundness.job_is_judgeable and matched.matches_within_job_time then 'within_job_time'
            when soundness.job_is_judgeable and soundness.graduation_is_judgeable then 'mismatch'
            else 'not_judged'
        end as verdict,
        case
            when matched.matches_job or matched.matches_graduation or matched.matches_within_job_time
                then matched.recurrence_score
            else matched.replayed_at_update
        end as replayed_recurrence_score
    from matched
    inner join soundness
        on
            matched.track_id = soundness.track_id
            and matched.recurrence_score = soundness.recurrence_score
            and matched.updated_at = soundness.updated_at
            and matched.graduated_at is not distinct from soundness.graduated_at
)

select
    snapshot_nights.night as as_of_date,
    entries.scene_id,
    entries.track_id,
    entries.recurrence_score,
    judged.replayed_recurrence_score,
    case when community_tier.tier = 'city' then judged.verdict else 'not_judged' end as verdict,
    case
        when coalesce(community_tier.tier, '') <> 'city' then 'scene_not_city'
        when judged.verdict = 'not_judged' then 'window_not_known'
    end as not_judged_because,
    entries.updated_at,
    entries.graduated_at
from entries
inner join snapshot_nights
    on
        snapshot_nights.table_name = 'rotation_entries'
        and snapshot_nights.night >= entries.from_night
        and snapshot_nights.night < coalesce(entries.to_night, date '9999-12-31')
inner join judged
    on
        entries.track_id = judged.track_id
        and entries.recurrence_score = judged.recurrence_score
        and entries.updated_at = judged.updated_at
        and entries.graduated_at is not distinct from judged.graduated_at
left join community_tier
    on entries.scene_id = community_tier.community_id
