with candidates as (
    select * from {{ ref('recurrence_candidate') }}
),

engagements as (
    select * from {{ ref('stg_track_engagements') }}
),

-- A window's sum is the difference of two running sums: engagement up to its end, minus engagement before its start.
-- At one instant a start (order_at_instant 0) comes before engagement (1), and an end (2) after it: both ends belong to
-- the window.
timeline as (
    select
        track_id,
        tried_at as happened_at,
        2 as order_at_instant,
        0 as score,
        window_days,
        tried_at
    from candidates
    union
    select
        track_id,
        {{ days_before('tried_at', 'window_days') }} as happened_at,
        0 as order_at_instant,
        0 as score,
        window_days,
        tried_at
    from candidates
    union all
    select
        track_id,
        created_at as happened_at,
        1 as order_at_instant,
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
            order by happened_at, order_at_instant
            rows between unbounded preceding and current row
        ) as score_so_far
    from timeline
),

replayed as (
    select
        track_id,
        window_days,
        tried_at,
        cast(
            coalesce(max(score_so_far) filter (where order_at_instant = 2), 0)
            - coalesce(max(score_so_far) filter (where order_at_instant = 0), 0) as bigint
        ) as replayed_score
    from running
    where order_at_instant <> 1
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
