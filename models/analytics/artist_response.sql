with signals as (
    select * from {{ ref('signal_response') }}
    where action_type in ('ADD', 'BLAST')
),

follows as (
    select
        *,
        cast(created_at as date) as followed_on
    from {{ ref('stg_follows') }}
    where entity_type in ('artist', 'artistBand', 'band')
),

check_ins as (
    select
        *,
        cast(checked_in_at as date) as checked_in_on
    from {{ ref('verified_attendance') }}
),

events as (
    select * from {{ ref('stg_events') }}
),

artists as (
    select * from {{ ref('stg_artist_bands') }}
),

as_of as (
    select * from {{ ref('as_of') }}
),

responses as (
    select
        artist_band_id,
        case action_type when 'ADD' then 'add' else 'blast' end as response,
        user_id,
        home_scene_id as scene_id,
        created_at as happened_at,
        cast(null as {{ id_type() }}) as event_id
    from signals
    union all
    select
        follows.entity_id as artist_band_id,
        'follow' as response,
        follows.user_id,
        home_scene.scene_id,
        follows.created_at as happened_at,
        cast(null as {{ id_type() }}) as event_id
    from follows
    {{ join_home_scene('follows', 'user_id', 'follows.followed_on') }}
    union all
    select
        events.artist_band_id,
        'check_in' as response,
        check_ins.user_id,
        home_scene.scene_id,
        check_ins.checked_in_at as happened_at,
        check_ins.event_id
    from check_ins
    inner join events
        on check_ins.event_id = events.event_id
    {{ join_home_scene('check_ins', 'user_id', 'check_ins.checked_in_on') }}
)

select responses.*
from responses
inner join artists
    on responses.artist_band_id = artists.artist_band_id
inner join as_of
    on responses.happened_at < as_of.as_of
