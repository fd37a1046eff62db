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
        min_by(scene_id, happened_at) as scene_id,
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

scoped_facts as (
    {{ scoped('facts') | indent(4) }}
),

listening_day as (
    select distinct
        engaged_on,
        scene_id,
        user_id
    from {{ ref('listening_day') }}
),

scoped_listening as (
    {{ scoped('listening_day') | indent(4) }}
),

aware as (
    select distinct
        periods.period,
        periods.starts_on,
        periods.ends_before,
        scoped_facts.scope_id,
        scoped_facts.artist_band_id,
        scoped_facts.user_id
    from scoped_facts
    {{ join_period('scoped_facts', 'day') }}
    where scoped_facts.kind in ('follow', 'add', 'attendance')
),

-- Aware of the artist, and listeners of anything in the same scope and period.
aware_listeners as (
    select
        aware.period,
        aware.starts_on,
        aware.scope_id,
        aware.artist_band_id,
        count(distinct aware.user_id) as aware_listeners
    from aware
    inner join scoped_listening
        on
            aware.scope_id = scoped_listening.scope_id
            and aware.user_id = scoped_listening.user_id
            and scoped_listening.engaged_on >= aware.starts_on
            and scoped_listening.engaged_on < aware.ends_before
    group by all
),

counted as (
    select
        periods.period,
        periods.starts_on,
        periods.ends_before,
        scoped_facts.tier,
        scoped_facts.scope_id,
        scoped_facts.artist_band_id,
        {%- for number in heard_numbers() %}
        cast(sum(scoped_facts.{{ number }}) as bigint) as {{ number }},
        {%- endfor %}
        count(distinct scoped_facts.user_id) filter (where scoped_facts.kind = 'listening') as listeners,
        count(*) filter (where scoped_facts.kind = 'add') as adds,
        count(distinct scoped_facts.user_id) filter (where scoped_facts.kind = 'add') as adders,
        count(*) filter (where scoped_facts.kind = 'blast') as blasts,
        count(distinct scoped_facts.user_id) filter (where scoped_facts.kind = 'follow') as followers,
        count(*) filter (where scoped_facts.kind = 'attendance') as attendance,
        count(distinct scoped_facts.user_id) filter (where scoped_facts.kind = 'attendance') as attendees,
        count(distinct scoped_facts.user_id) filter (
            where scoped_facts.kind in ('listening', 'add', 'blast')
        ) as people
    from scoped_facts
    {{ join_period('scoped_facts', 'day') }}
    group by all
)

select
    counted.*,
    coalesce(aware_listeners.aware_listeners, 0) as aware_listeners
from counted
left join aware_listeners
    on
        counted.period = aware_listeners.period
        and counted.starts_on = aware_listeners.starts_on
        and counted.scope_id = aware_listeners.scope_id
        and counted.artist_band_id = aware_listeners.artist_band_id
