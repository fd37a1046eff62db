{#- A blast leads to an ADD if somebody else adds the signal within a week. An ADD of an artist's signal tells of a person:
    an artist's row says so only where the artist's ADDs are shown. -#}

with actions as (
    select actions.*
    from {{ ref('signal_response') }} as actions
    inner join {{ ref('as_of') }} as as_of
        on actions.created_at < as_of.as_of
),

artists as (
    select * from {{ ref('stg_artist_bands') }}
),

windows as (
    select * from {{ ref('summary_window') }}
),

blasts as (
    select
        blasts.signal_action_id,
        blasts.created_at,
        blasts.scene_id,
        blasts.artist_band_id,
        bool_or(adds.signal_action_id is not null) as is_converted
    from actions as blasts
    left join actions as adds
        on
            blasts.signal_id = adds.signal_id
            and adds.action_type = 'ADD'
            and blasts.user_id <> adds.user_id
            and adds.created_at >= blasts.created_at
            and {{ days_before('adds.created_at', 7) }} <= blasts.created_at
    where blasts.action_type = 'BLAST'
    group by blasts.signal_action_id, blasts.created_at, blasts.scene_id, blasts.artist_band_id
),

scoped_blasts as (
    {{ scoped('blasts') | indent(4) }}
),

counted as (
    select
        scoped_blasts.tier,
        scoped_blasts.scope_id,
        cast(null as {{ id_type() }}) as artist_band_id,
        windows.window_days,
        count(*) as blasts,
        count(*) filter (where scoped_blasts.is_converted) as converted_blasts
    from scoped_blasts
    inner join windows
        on scoped_blasts.created_at >= windows.starts_at and scoped_blasts.created_at < windows.as_of
    group by scoped_blasts.tier, scoped_blasts.scope_id, windows.window_days
    union all
    select
        scoped_blasts.tier,
        scoped_blasts.scope_id,
        scoped_blasts.artist_band_id,
        windows.window_days,
        count(*) as blasts,
        count(*) filter (where scoped_blasts.is_converted) as converted_blasts
    from scoped_blasts
    inner join artists
        on scoped_blasts.artist_band_id = artists.artist_band_id
    inner join windows
        on scoped_blasts.created_at >= windows.starts_at and scoped_blasts.created_at < windows.as_of
    where scoped_blasts.tier = 'platform'
    group by scoped_blasts.tier, scoped_blasts.scope_id, scoped_blasts.artist_band_id, windows.window_days
),

shown_adds as (
    select
        subject_id as artist_band_id,
        window_days
    from {{ ref('shown_value') }}
    where metric = 'artist_adds' and tier = 'platform'
),

told as (
    select
        counted.*,
        counted.artist_band_id is null or shown_adds.artist_band_id is not null as is_shown
    from counted
    left join shown_adds
        on
            counted.artist_band_id = shown_adds.artist_band_id
            and counted.window_days is not distinct from shown_adds.window_days
)

select
    tier,
    scope_id,
    artist_band_id,
    window_days,
    blasts,
    {{ if_shown('is_shown', 'converted_blasts') }} as converted_blasts,
    {{ if_shown('is_shown', 'cast(converted_blasts as double) / blasts') }} as conversion
from told
