with replays as (
    select * from {{ ref('recurrence_replay') }}
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
        bool_or(kind = 'within job time' and replayed_score = recurrence_score) as matches_within_job_time,
        bool_and(is_window_known) filter (where kind = 'exact job') as is_job_window_known,
        coalesce(bool_and(is_window_known) filter (where kind = 'exact graduation'), true)
            as is_graduation_window_known
    from replays
    group by all
)

select
    track_id,
    recurrence_score,
    updated_at,
    graduated_at,
    case
        when is_job_window_known and matches_job then 'match'
        when is_graduation_window_known and matches_graduation then 'match'
        when is_job_window_known and matches_within_job_time then 'within_job_time'
        when is_job_window_known and is_graduation_window_known then 'mismatch'
        else 'not_judged'
    end as verdict,
    case
        when matches_job or matches_graduation or matches_within_job_time
            then recurrence_score
        else replayed_at_update
    end as replayed_recurrence_score
from matched
