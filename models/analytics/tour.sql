with events as (
    select events.*
    from {{ ref('stg_events') }} as events
    cross join {{ ref('as_of') }} as as_of
    where events.artist_band_id is not null and events.starts_at < as_of.as_of
),

scene as (
    select * from {{ ref('scene') }}
),

thresholds as (
    select
        max(try_cast(value as integer)) filter (where threshold = 'tour_max_gap_days') as max_gap_days,
        max(try_cast(value as integer)) filter (where threshold = 'tour_min_cities') as min_cities
    from {{ ref('metric_threshold') }}
    where metric = 'tours'
),

with_previous as (
    select
        *,
        lag(starts_at) over (partition by artist_band_id order by starts_at, event_id) as previous_starts_at
    from events
),

marked as (
    select
        with_previous.*,
        case
            when
                with_previous.previous_starts_at
                >= {{ days_before('with_previous.starts_at', 'thresholds.max_gap_days') }}
                then 0
            else 1
        end as new_run
    from with_previous
    cross join thresholds
),

numbered as (
    select
        *,
        sum(new_run) over (partition by artist_band_id order by starts_at, event_id) as run_number
    from marked
),

-- A scene without a city lies in none.
runs as (
    select
        numbered.artist_band_id,
        min(numbered.starts_at) as starts_at,
        count(distinct {{ stable_id(['scene.city', 'scene.state']) }}) filter (where scene.city is not null)
            as cities
    from numbered
    left join scene
        on numbered.community_id = scene.scene_id
    group by numbered.artist_band_id, numbered.run_number
)

select
    {{ stable_id(['runs.artist_band_id', 'runs.starts_at']) }} as tour_id,
    runs.artist_band_id,
    runs.starts_at
from runs
cross join thresholds
where runs.cities >= thresholds.min_cities
