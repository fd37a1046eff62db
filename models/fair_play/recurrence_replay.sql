with candidates as (
    select * from {{ ref('recurrence_candidate') }}
),

engagements as (
    select * from {{ ref('stg_track_engagements') }}
),

-- A window's sum is the difference of two running sums: engagement up to its end, less engagement before its start.
-- At one instant a start (place 0) comes before engagement (1), and an end (2) after it: both ends belong to the window.
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
)

select
    candidates.*,
    replayed.replayed_score
from candidates
inner join replayed
    on
        candidates.track_id = replayed.track_id
        and candidates.window_days = replayed.window_days
        and candidates.tried_at = replayed.tried_at
