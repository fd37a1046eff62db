with numbers as (
    select * from {{ ref('track_period') }}
),

tracks as (
    select * from {{ ref('stg_tracks') }}
),

periods as (
    select * from {{ ref('period') }}
),

as_of as (
    select * from {{ ref('as_of') }}
),

privacy_floor as (
    select * from {{ ref('privacy_floor') }}
),

-- Every track that there was, whether or not somebody heard it; some are heard before their row says that they were made.
cells as (
    select
        periods.period,
        periods.starts_on,
        periods.ends_before,
        tracks.track_id,
        tracks.artist_band_id,
        coalesce(numbers.listeners, 0) as listeners,
        privacy_floor.floor_people
    from tracks
    cross join periods
    cross join privacy_floor
    left join numbers
        on
            tracks.track_id = numbers.track_id
            and periods.period = numbers.period
            and periods.starts_on = numbers.starts_on
    where cast(tracks.created_at as date) < periods.ends_before or numbers.track_id is not null
),

weeks as (
    select
        *,
        listeners < floor_people as is_small
    from cells
    where period = 'week'
),

decided_weeks as (
    {{ beside_others('weeks') | indent(4) }}
),

-- A month less the weeks in it would tell of the week that is withheld, or will be.
months as (
    select
        months.period,
        months.starts_on,
        months.ends_before,
        months.track_id,
        months.artist_band_id,
        months.listeners,
        months.floor_people,
        months.listeners < months.floor_people
        or coalesce(bool_or(decided_weeks.is_withheld), false)
        or (months.floor_people > 0 and {{ ends_in_a_week_to_come('months') }}) as is_small
    from cells as months
    cross join as_of
    left join decided_weeks
        on
            months.track_id = decided_weeks.track_id
            and months.starts_on < decided_weeks.ends_before
            and months.ends_before > decided_weeks.starts_on
    where months.period = 'month'
    group by
        months.period, months.starts_on, months.ends_before, months.track_id, months.artist_band_id,
        months.listeners, months.floor_people, as_of.as_of
),

decided_months as (
    {{ beside_others('months') | indent(4) }}
),

decided as (
    select period, starts_on, track_id, artist_band_id, is_withheld from decided_weeks
    union all
    select period, starts_on, track_id, artist_band_id, is_withheld from decided_months
)

select
    numbers.period,
    numbers.starts_on,
    numbers.track_id,
    decided.artist_band_id,
    {%- for number in heard_numbers() + ['listeners'] %}
    {{ if_shown('not decided.is_withheld', 'numbers.' ~ number) }} as {{ number }},
    {%- endfor %}
    {{ if_known('votes', 'numbers.votes') }} as votes
from numbers
inner join decided
    on
        numbers.track_id = decided.track_id
        and numbers.period = decided.period
        and numbers.starts_on = decided.starts_on
where numbers.votes > 0 or not decided.is_withheld
