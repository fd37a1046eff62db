{#- People who follow an artist, add its signals or come to its events, by their home scene on the day. -#}
{%- set metrics = [
    {'name': 'followers', 'cohort': 'followers'},
    {'name': 'artist_adds', 'cohort': 'adders', 'coverage': 'adds_naming_artist'},
    {'name': 'adders', 'cohort': 'adders', 'coverage': 'adds_naming_artist'},
    {'name': 'artist_blasts', 'cohort': 'blasters', 'coverage': 'blasts_naming_artist'},
    {'name': 'artist_attendance', 'cohort': 'attendees'},
    {'name': 'artist_attendees', 'cohort': 'artist_attendees'},
    {'name': 'artist_repeat_attendees', 'cohort': 'artist_repeat_attendees'},
    {'name': 'awareness_union', 'cohort': 'awareness_union', 'coverage': 'adds_naming_artist'},
    {
        'name': 'awareness_follower_adder', 'cohort': 'awareness_follower_adder',
        'coverage': 'adds_naming_artist',
    },
    {
        'name': 'awareness_follower_attendee', 'cohort': 'awareness_follower_attendee',
        'coverage': 'adds_naming_artist',
    },
    {
        'name': 'awareness_adder_attendee', 'cohort': 'awareness_adder_attendee',
        'coverage': 'adds_naming_artist',
    },
    {'name': 'awareness_all_three', 'cohort': 'awareness_all_three', 'coverage': 'adds_naming_artist'},
    {
        'name': 'awareness_share', 'numerator': 'aware_listeners', 'denominator': 'listeners_to_be_aware',
        'cohort': 'aware_listeners', 'coverage': 'adds_naming_artist',
    },
] -%}

with responses as (
    select * from {{ ref('artist_response_window') }}
),

windows as (
    select * from {{ ref('summary_window') }}
),

actions as (
    select
        home_scene_id as scene_id,
        cast(cast(created_at as date) as timestamp) as happened_at,
        count(*) filter (where action_type = 'ADD') as adds,
        count(*) filter (where action_type = 'BLAST') as blasts
    from {{ ref('signal_response') }}
    group by all
),

-- All windows end at as-of, so the last listen tells in which windows somebody listened.
last_listen as (
    select
        user_id,
        scene_id,
        max(cast(engaged_on as timestamp)) as listened_at
    from {{ ref('listening_day') }}
    group by all
),

scope_listeners as (
    select * from {{ ref('listening') }}
    where subject_type = 'scene' and metric = 'unique_listeners'
),

scoped_responses as (
    {{ scoped('responses') | indent(4) }}
),

scoped_actions as (
    {{ scoped('actions') | indent(4) }}
),

scoped_last_listen as (
    {{ scoped('last_listen') | indent(4) }}
),

listeners as (
    select distinct
        scoped_last_listen.tier,
        scoped_last_listen.scope_id,
        windows.window_days,
        scoped_last_listen.user_id
    from scoped_last_listen
    inner join windows
        on
            scoped_last_listen.listened_at >= windows.starts_at
            and scoped_last_listen.listened_at < windows.as_of
),

-- Everything that people at home in the scope did with signals, whether or not the signal names an artist.
every_action as (
    select
        scoped_actions.scope_id,
        windows.window_days,
        sum(scoped_actions.adds) as adds,
        sum(scoped_actions.blasts) as blasts
    from scoped_actions
    inner join windows
        on
            scoped_actions.happened_at >= windows.starts_at
            and scoped_actions.happened_at < windows.as_of
    group by all
),

people as (
    select
        tier,
        scope_id,
        window_days,
        artist_band_id,
        user_id,
        count(*) filter (where response = 'add') as adds,
        count(*) filter (where response = 'blast') as blasts,
        count(*) filter (where is_attendance) as attendances,
        bool_or(response = 'add') as is_adder,
        bool_or(response = 'blast') as is_blaster,
        bool_or(response = 'follow') as is_follower,
        bool_or(response = 'check_in') as is_attendee,
        bool_or(response in ('follow', 'add', 'check_in')) as is_aware,
        bool_or(is_last_of_several_events) as is_repeat_attendee
    from scoped_responses
    group by all
),

awareness as (
    select
        people.tier,
        people.scope_id,
        people.window_days,
        people.artist_band_id,
        sum(people.adds) as artist_adds,
        sum(people.blasts) as artist_blasts,
        sum(people.attendances) as artist_attendance,
        count(*) filter (where people.is_adder) as adders,
        count(*) filter (where people.is_blaster) as blasters,
        count(*) filter (where people.is_follower) as followers,
        count(*) filter (where people.is_attendee) as artist_attendees,
        count(*) filter (where people.attendances > 0) as attendees,
        count(*) filter (where people.is_repeat_attendee) as artist_repeat_attendees,
        count(*) filter (where people.is_aware) as awareness_union,
        count(*) filter (where people.is_follower and people.is_adder) as awareness_follower_adder,
        count(*) filter (where people.is_follower and people.is_attendee) as awareness_follower_attendee,
        count(*) filter (where people.is_adder and people.is_attendee) as awareness_adder_attendee,
        count(*) filter (
            where people.is_follower and people.is_adder and people.is_attendee
        ) as awareness_all_three,
        count(*) filter (where people.is_aware and listeners.user_id is not null) as aware_listeners
    from people
    left join listeners
        on
            people.scope_id = listeners.scope_id
            and people.window_days is not distinct from listeners.window_days
            and people.user_id = listeners.user_id
    group by all
),

with_coverage as (
    select
        awareness.*,
        -- Only artists of whom somebody is aware have a share, be it 0.
        case when awareness.awareness_union > 0 then scope_listeners.value end as listeners_to_be_aware,
        sum(awareness.artist_adds) over by_scope / nullif(every_action.adds, 0) as adds_naming_artist,
        sum(awareness.artist_blasts) over by_scope / nullif(every_action.blasts, 0) as blasts_naming_artist
    from awareness
    inner join scope_listeners
        on
            awareness.scope_id = scope_listeners.scope_id
            and awareness.window_days is not distinct from scope_listeners.window_days
    left join every_action
        on
            awareness.scope_id = every_action.scope_id
            and awareness.window_days is not distinct from every_action.window_days
    window by_scope as (partition by awareness.scope_id, awareness.window_days)
),

numbers as (
    {{ unpivoted('with_coverage', metrics, 'artist', 'artist_band_id') | indent(4) }}
)

-- An artist has no row for what nobody did.
select * from numbers
where value > 0
