{%- set job_time = 'interval 60 second' -%}
{%- set step = 'interval 1 millisecond' -%}

with instants as (
    select * from {{ ref('recurrence_instant') }}
),

engagements as (
    select * from {{ ref('stg_track_engagements') }}
),

-- In the 60 seconds of the job the score changes only when an engagement enters the window or, window_days later,
-- leaves it. It is enough to try those instants and the milliseconds beside them. They lie in the minute of updated_at
-- or in the one before.
searched as (
    select
        instants.*,
        minutes.minutes_before,
        sides.windows_later * instants.window_days as shift_days
    from instants
    cross join (values (0), (1)) as minutes (minutes_before)
    cross join (values (0), (1)) as sides (windows_later)
    where instants.computed_by = 'job'
),

crossings as (
    select
        searched.track_id,
        searched.recurrence_score,
        searched.updated_at,
        searched.graduated_at,
        searched.window_days,
        searched.is_window_known,
        engagements.created_at + searched.shift_days * interval 24 hour as crossed_at
    from searched
    inner join engagements
        on
            searched.track_id = engagements.track_id
            and date_trunc('minute', engagements.created_at)
            = date_trunc(
                'minute',
                {{ days_before('searched.updated_at', 'searched.shift_days') }}
                - searched.minutes_before * interval 1 minute
            )
)

select
    track_id,
    recurrence_score,
    updated_at,
    graduated_at,
    window_days,
    is_window_known,
    'exact ' || computed_by as kind,
    computed_at as tried_at
from instants
union
select
    track_id,
    recurrence_score,
    updated_at,
    graduated_at,
    window_days,
    is_window_known,
    'within job time' as kind,
    updated_at - {{ job_time }} as tried_at
from instants
where computed_by = 'job'
union
select
    crossings.track_id,
    crossings.recurrence_score,
    crossings.updated_at,
    crossings.graduated_at,
    crossings.window_days,
    crossings.is_window_known,
    'within job time' as kind,
    crossings.crossed_at + beside.steps * {{ step }} as tried_at
from crossings
cross join (values (-1), (0), (1)) as beside (steps)
where
    crossings.crossed_at + beside.steps * {{ step }} >= crossings.updated_at - {{ job_time }}
    and crossings.crossed_at + beside.steps * {{ step }} <= crossings.updated_at
