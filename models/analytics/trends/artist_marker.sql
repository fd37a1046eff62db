{#- Releases, events and tours of an artist by week. Events may lie after as-of. -#}

with as_of as (
    select * from {{ ref('as_of') }}
),

artists as (
    select * from {{ ref('stg_artist_bands') }}
),

tracks as (
    select * from {{ ref('stg_tracks') }}
),

things as (
    select
        'release' as kind,
        tracks.artist_band_id,
        entries.scene_id,
        entries.entered_pool_at as happens_at,
        entries.track_id as counted_id
    from {{ ref('stg_rotation_entries') }} as entries
    inner join tracks
        on entries.track_id = tracks.track_id
    inner join as_of
        on entries.entered_pool_at < as_of.as_of
    union all
    select
        'event' as kind,
        artist_band_id,
        community_id as scene_id,
        starts_at as happens_at,
        event_id as counted_id
    from {{ ref('stg_events') }}
    union all
    select
        'tour' as kind,
        tours.artist_band_id,
        artists.home_scene_id as scene_id,
        tours.starts_at as happens_at,
        tours.tour_id as counted_id
    from {{ ref('tour') }} as tours
    inner join artists
        on tours.artist_band_id = artists.artist_band_id
),

scoped_things as (
    {{ scoped('things') | indent(4) }}
)

select
    scoped_things.artist_band_id,
    scoped_things.tier,
    scoped_things.scope_id,
    cast(date_trunc('week', scoped_things.happens_at) as date) as starts_on,
    count(distinct scoped_things.counted_id) filter (where scoped_things.kind = 'release') as release_markers,
    count(distinct scoped_things.counted_id) filter (where scoped_things.kind = 'event') as event_markers,
    count(distinct scoped_things.counted_id) filter (where scoped_things.kind = 'tour') as tour_markers
from scoped_things
inner join artists
    on scoped_things.artist_band_id = artists.artist_band_id
group by all
