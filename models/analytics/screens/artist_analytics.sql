{#- A place is a city, whatever the music community. Its numbers are shown if those of all its scenes are. -#}
{%- set decided_by = {
    'listens': 'unique_listeners',
    'followers': 'followers',
    'adders': 'adders',
    'aware_people': 'awareness_union',
    'attendance': 'artist_attendance',
    'attendees': 'artist_attendees',
    'repeat_attendees': 'artist_repeat_attendees',
} -%}
with listening as (
    select * from {{ ref('listening_day') }}
),

tracks as (
    select * from {{ ref('stg_tracks') }}
    where artist_band_id is not null
),

responses as (
    select * from {{ ref('artist_response_window') }}
),

artists as (
    select * from {{ ref('stg_artist_bands') }}
),

scene as (
    select * from {{ ref('scene') }}
),

windows as (
    select * from {{ ref('summary_window') }}
),

as_of as (
    select * from {{ ref('as_of') }}
),

facts as (
    select
        windows.window_days,
        tracks.artist_band_id,
        listening.scene_id,
        'listening' as kind,
        listening.user_id,
        listening.engagement_points,
        listening.listens,
        false as is_attendance,
        false as is_last_of_several_events
    from listening
    inner join tracks
        on listening.track_id = tracks.track_id
    inner join windows
        on listening.engaged_on >= windows.starts_at and listening.engaged_on < windows.as_of
    union all
    select
        window_days,
        artist_band_id,
        scene_id,
        response as kind,
        user_id,
        0 as engagement_points,
        0 as listens,
        is_attendance,
        is_last_of_several_events
    from responses
),

by_person as (
    select
        facts.artist_band_id,
        artists.name as artist_name,
        scene.state,
        scene.city,
        facts.window_days,
        facts.user_id,
        sum(facts.engagement_points) as engagement_points,
        sum(facts.listens) as listens,
        count(*) filter (where facts.kind = 'add') as adds,
        count(*) filter (where facts.kind = 'blast') as blasts,
        count(*) filter (where facts.is_attendance) as attendance,
        count(*) filter (where facts.is_last_of_several_events) as repeat_attendees,
        bool_or(facts.kind = 'listening') as is_listener,
        bool_or(facts.kind = 'follow') as is_follower,
        bool_or(facts.kind = 'check_in') as is_attendee
    from facts
    inner join artists
        on facts.artist_band_id = artists.artist_band_id
    left join scene
        on facts.scene_id = scene.scene_id
    group by all
),

counted as (
    select
        artist_band_id,
        artist_name,
        state,
        city,
        window_days,
        sum(engagement_points) as engagement_points,
        sum(listens) as listens,
        count(*) filter (where is_listener) as listeners,
        cast(sum(adds) as bigint) as adds,
        cast(sum(blasts) as bigint) as blasts,
        count(*) filter (where is_follower) as followers,
        count(*) filter (where adds > 0) as adders,
        count(*) filter (where is_follower or adds > 0 or is_attendee) as aware_people,
        cast(sum(attendance) as bigint) as attendance,
        count(*) filter (where is_attendee) as attendees,
        cast(sum(repeat_attendees) as bigint) as repeat_attendees
    from by_person
    group by all
),

places as (
    select
        *,
        engagement_points / nullif(sum(engagement_points) over (partition by artist_band_id, window_days), 0)
            as engagement_share
    from counted
),

place_scopes as (
    select
        state,
        city,
        count(*) as scopes
    from {{ ref('scope') }}
    where tier = 'city'
    group by all
),

shown as (
    select
        places.artist_band_id,
        places.state,
        places.city,
        places.window_days,
        {%- for number, metric in decided_by.items() %}
        privacy_floor.floor_people = 0
        or count(*) filter (where numbers.metric = '{{ metric }}') = place_scopes.scopes as {{ number }}
        {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from places
    inner join place_scopes
        on
            places.state is not distinct from place_scopes.state
            and places.city is not distinct from place_scopes.city
    inner join {{ ref('scope') }} as scope
        on
            scope.tier = 'city'
            and places.state is not distinct from scope.state
            and places.city is not distinct from scope.city
    left join {{ ref('shown_value') }} as numbers
        on
            numbers.subject_type = 'artist'
            and places.artist_band_id = numbers.subject_id
            and scope.scope_id = numbers.scope_id
            and places.window_days is not distinct from numbers.window_days
    cross join {{ ref('privacy_floor') }} as privacy_floor
    group by
        places.artist_band_id, places.state, places.city, places.window_days, place_scopes.scopes,
        privacy_floor.floor_people
)

select
    as_of.as_of_date,
    places.artist_band_id,
    places.artist_name,
    places.state,
    places.city,
    places.window_days,
    {{ if_shown('shown.listens', 'cast(places.engagement_points as bigint)') }} as engagement_points,
    {{ if_shown('shown.listens', 'cast(places.listens as bigint)') }} as listens,
    {{ if_shown('shown.listens', 'places.listeners') }} as listeners,
    {{ if_shown('shown.adders', 'places.adds') }} as adds,
    places.blasts,
    {{ if_known(decided_by.followers, if_shown('shown.followers', 'places.followers')) }} as followers,
    {{ if_shown('shown.adders', 'places.adders') }} as adders,
    {{ if_known(decided_by.aware_people, if_shown('shown.aware_people', 'places.aware_people')) }}
        as aware_people,
    {{ if_known(decided_by.attendance, if_shown('shown.attendance', 'places.attendance')) }} as attendance,
    {{ if_known(decided_by.attendees, if_shown('shown.attendees', 'places.attendees')) }} as attendees,
    {{ if_known(decided_by.repeat_attendees, if_shown('shown.repeat_attendees', 'places.repeat_attendees')) }}
        as repeat_attendees,
    {{ if_shown('shown.listens', 'places.engagement_share') }} as engagement_share
from places
inner join shown
    on
        places.artist_band_id = shown.artist_band_id
        and places.state is not distinct from shown.state
        and places.city is not distinct from shown.city
        and places.window_days is not distinct from shown.window_days
cross join as_of
where
    places.blasts > 0
    {%- for number in decided_by %}
    or shown.{{ number }}
    {%- endfor %}
