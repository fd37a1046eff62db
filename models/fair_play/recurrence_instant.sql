{%- set default_window_days = 14 -%}

with entries as (
    select * from {{ ref('stg_rotation_entries_history') }}
    where pool = 'MAIN_ROTATION'
),

config_states as (
    select * from {{ ref('stg_fair_play_config_history') }}
    where scope = 'global'
),

snapshot_nights as (
    select * from {{ ref('snapshot_night') }}
),

engagement_gaps as (
    select * from {{ ref('engagement_gap') }}
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

exported_scores as (
    select distinct
        track_id,
        recurrence_score,
        updated_at,
        graduated_at
    from entries
),

-- The job computed the score within seconds of updated_at; graduation computed it at graduated_at.
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
)

select
    windows.track_id,
    windows.recurrence_score,
    windows.updated_at,
    windows.graduated_at,
    windows.computed_by,
    windows.computed_at,
    windows.window_days,
    bool_and(engagement_gaps.first_day is null) as is_window_known
from windows
left join engagement_gaps
    on
        engagement_gaps.first_day <= cast(windows.computed_at as date)
        and engagement_gaps.last_day
        >= cast({{ days_before('windows.computed_at', 'windows.window_days') }} as date)
group by all
