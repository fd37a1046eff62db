{%- set numbers = heard_numbers() + ['adds', 'blasts', 'attendance'] -%}
with tracks as (
    select * from {{ ref('stg_tracks') }}
    where artist_band_id is not null
),

heard as (
    select
        listening.engaged_on as day,
        tracks.artist_band_id,
        listening.scene_id,
        listening.user_id,
        {%- for number in heard_numbers() %}
        listening.{{ number }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    from {{ ref('listening_day') }} as listening
    inner join tracks
        on listening.track_id = tracks.track_id
),

responses as (
    select
        *,
        cast(happened_at as date) as day
    from {{ ref('artist_response') }}
),

-- However often somebody checks in at an event, it is one attendance, on the day of the first.
first_check_ins as (
    select
        artist_band_id,
        user_id,
        event_id,
        min_by(scene_id, happened_at) filter (where scene_id is not null) as scene_id,
        min(day) as day
    from responses
    where response = 'check_in'
    group by all
),

facts as (
    select
        day,
        artist_band_id,
        scene_id,
        user_id,
        'listening' as kind,
        {%- for number in heard_numbers() %}
        {{ number }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    from heard
    union all
    select
        day,
        artist_band_id,
        scene_id,
        user_id,
        response as kind,
        {%- for number in heard_numbers() %}
        0 as {{ number }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    from responses
    where response <> 'check_in'
    union all
    select
        day,
        artist_band_id,
        scene_id,
        user_id,
        'attendance' as kind,
        {%- for number in heard_numbers() %}
        0 as {{ number }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    from first_check_ins
),

-- What each person at home in a scene did towards each artist in a period.
by_person as (
    select
        periods.period,
        periods.starts_on,
        facts.artist_band_id,
        facts.scene_id,
        facts.user_id,
        {%- for number in heard_numbers() %}
        cast(sum(facts.{{ number }}) as bigint) as {{ number }},
        {%- endfor %}
        count(*) filter (where facts.kind = 'add') as adds,
        count(*) filter (where facts.kind = 'blast') as blasts,
        count(*) filter (where facts.kind = 'follow') as follows,
        count(*) filter (where facts.kind = 'attendance') as attendance
    from facts
    {{ join_period('facts', 'day') }}
    group by all
),

by_scene as (
    select
        period,
        starts_on,
        artist_band_id,
        scene_id,
        {%- for number in numbers %}
        sum({{ number }}) as {{ number }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    from by_person
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

-- Sums add up; people do not: somebody who moved is one person of every wider scope.
facts_of_people as (
    select
        period,
        starts_on,
        artist_band_id,
        scene_id,
        user_id,
        listens > 0 as is_listener,
        adds > 0 as is_adder,
        blasts > 0 as is_blaster,
        follows > 0 as is_follower,
        attendance > 0 as is_attendee
    from by_person
),

scoped_people as (
    {{ scoped('facts_of_people') | indent(4) }}
),

people as (
    select
        period,
        starts_on,
        scope_id,
        artist_band_id,
        user_id,
        bool_or(is_listener) as is_listener,
        bool_or(is_adder) as is_adder,
        bool_or(is_blaster) as is_blaster,
        bool_or(is_follower) as is_follower,
        bool_or(is_attendee) as is_attendee
    from scoped_people
    group by all
),

counted as (
    select
        period,
        starts_on,
        scope_id,
        artist_band_id,
        count(*) filter (where is_listener) as listeners,
        count(*) filter (where is_adder) as adders,
        count(*) filter (where is_follower) as followers,
        count(*) filter (where is_attendee) as attendees,
        count(*) filter (where is_listener or is_adder or is_blaster) as people
    from people
    group by all
),

listeners_by_scene as (
    select distinct
        periods.period,
        periods.starts_on,
        listening_day.scene_id,
        listening_day.user_id
    from {{ ref('listening_day') }} as listening_day
    {{ join_period('listening_day', 'engaged_on') }}
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

-- Aware of the artist, and listeners of anything in the same scope and period.
aware as (
    select
        people.period,
        people.starts_on,
        people.scope_id,
        people.artist_band_id,
        count(*) as aware_listeners
    from people
    inner join listeners
        on
            people.period = listeners.period
            and people.starts_on = listeners.starts_on
            and people.scope_id = listeners.scope_id
            and people.user_id = listeners.user_id
    where people.is_follower or people.is_adder or people.is_attendee
    group by all
)

select
    summed.period,
    summed.starts_on,
    periods.ends_before,
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
    coalesce(aware.aware_listeners, 0) as aware_listeners
from summed
inner join {{ ref('period') }} as periods
    on summed.period = periods.period and summed.starts_on = periods.starts_on
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
