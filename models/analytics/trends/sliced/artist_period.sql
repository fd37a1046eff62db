{%- set numbers = heard_numbers() + ['adds', 'blasts', 'attendance'] -%}
with slices as (
    {{ slices_to_make() | indent(4) }}
),

days as (
    select
        period_day.day,
        slices.*
    from {{ ref('period_day') }} as period_day
    inner join slices
        on period_day.period = slices.period and period_day.starts_on = slices.starts_on
),

facts as (
    select * from {{ ref('artist_fact') }}
),

-- What people at home in each scene did towards each artist in a period.
by_scene as (
    select
        periods.period,
        periods.starts_on,
        facts.artist_band_id,
        facts.scene_id,
        {%- for number in heard_numbers() %}
        sum(facts.{{ number }}) as {{ number }},
        {%- endfor %}
        count(*) filter (where facts.kind = 'add') as adds,
        count(*) filter (where facts.kind = 'blast') as blasts,
        count(*) filter (where facts.kind = 'attendance') as attendance
    from facts
    {{ join_period('facts', 'day', 'days') }}
    group by all
),

scoped_numbers as (
    {{ scoped('by_scene') | indent(4) }}
),

summed as (
    select
        period,
        starts_on,
        tier,
        scope_id,
        artist_band_id,
        {%- for number in numbers %}
        cast(sum({{ number }}) as bigint) as {{ number }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    from scoped_numbers
    group by all
),

people_of_periods as (
    select
        periods.period,
        periods.starts_on,
        facts.artist_band_id,
        facts.scene_id,
        facts.user_id,
        facts.kind = 'listening' as listeners,
        facts.kind = 'add' as adders,
        facts.kind = 'follow' as followers,
        facts.kind = 'attendance' as attendees,
        facts.kind in ('listening', 'add', 'blast') as people
    from facts
    {{ join_period('facts', 'day', 'days') }}
),

counted as (
    {{ ids_in_scopes(
        'people_of_periods',
        ['period', 'starts_on', 'artist_band_id'],
        'user_id',
        ['listeners', 'adders', 'followers', 'attendees', 'people'],
    ) | indent(4) }}
),

aware_people as (
    select distinct
        period,
        starts_on,
        artist_band_id,
        scene_id,
        user_id
    from people_of_periods
    where followers or adders or attendees
),

aware_of_something as (
    select distinct
        period,
        starts_on,
        user_id
    from aware_people
),

listeners_by_scene as (
    select distinct
        periods.period,
        periods.starts_on,
        listening_day.scene_id,
        listening_day.user_id
    from {{ ref('listening_day') }} as listening_day
    {{ join_period('listening_day', 'engaged_on', 'days') }}
    inner join aware_of_something as aware
        on
            periods.period = aware.period
            and periods.starts_on = aware.starts_on
            and listening_day.user_id = aware.user_id
),

scoped_listeners as (
    {{ scoped('listeners_by_scene') | indent(4) }}
),

listeners as (
    select distinct
        period,
        starts_on,
        scope_id,
        user_id
    from scoped_listeners
),

scoped_aware_people as (
    {{ scoped('aware_people') | indent(4) }}
),

-- Aware of the artist, and listeners of anything in the same scope and period.
aware as (
    select
        people.period,
        people.starts_on,
        people.scope_id,
        people.artist_band_id,
        count(distinct people.user_id) as aware_listeners
    from scoped_aware_people as people
    inner join listeners
        on
            people.period = listeners.period
            and people.starts_on = listeners.starts_on
            and people.scope_id = listeners.scope_id
            and people.user_id = listeners.user_id
    group by all
)

select
    summed.period,
    summed.starts_on,
    slices.ends_before,
    summed.tier,
    summed.scope_id,
    summed.artist_band_id,
    {%- for number in heard_numbers() %}
    summed.{{ number }},
    {%- endfor %}
    counted.listeners,
    summed.adds,
    counted.adders,
    summed.blasts,
    counted.followers,
    summed.attendance,
    counted.attendees,
    counted.people,
    coalesce(aware.aware_listeners, 0) as aware_listeners,
    slices.made_of
from summed
inner join slices
    on summed.period = slices.period and summed.starts_on = slices.starts_on
inner join counted
    on
        summed.period = counted.period
        and summed.starts_on = counted.starts_on
        and summed.scope_id = counted.scope_id
        and summed.artist_band_id = counted.artist_band_id
left join aware
    on
        summed.period = aware.period
        and summed.starts_on = aware.starts_on
        and summed.scope_id = aware.scope_id
        and summed.artist_band_id = aware.artist_band_id
