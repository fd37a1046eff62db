with band_members as (
    select * from {{ ref('sect_band_member') }}
),

scope as (
    select * from {{ ref('scope') }}
),

-- Artists once for each band member who holds a sect, and once if none does.
sects_of_artist as (
    select
        artist_band_id,
        count(distinct sect_tag_id) as sects
    from band_members
    group by all
),

artists as (
    select distinct
        artists.artist_band_id,
        artists.home_scene_id as scene_id,
        sects_of_artist.sects,
        band_members.user_id
    from {{ ref('stg_artist_bands') }} as artists
    left join sects_of_artist
        on artists.artist_band_id = sects_of_artist.artist_band_id
    left join band_members
        on artists.artist_band_id = band_members.artist_band_id
),

scoped_artists as (
    {{ scoped('artists') | indent(4) }}
),

artists_of_scope as (
    select
        tier,
        scope_id,
        count(distinct artist_band_id) as artists,
        count(distinct artist_band_id) filter (where sects >= 1) as artists_of_a_sect,
        count(distinct artist_band_id) filter (where sects >= 2) as artists_of_two_sects,
        count(distinct user_id) as people
    from scoped_artists
    group by all
),

thresholds as (
    select try_cast(value as double) as near_threshold
    from {{ ref('metric_threshold') }}
    where metric = 'sects_near_threshold' and threshold = 'near_threshold'
),

-- A name is shared if sects of several scenes of one music community bear it.
shared_names as (
    select
        music_community,
        sect_name
    from {{ ref('sect') }}
    where music_community is not null
    group by all
    having count(distinct scene_id) > 1
),

sects as (
    select
        sects.sect_tag_id,
        sects.scene_id,
        sects.sect_name,
        shared_names.sect_name as shared_name,
        not sects.is_official and progress.progress >= thresholds.near_threshold as is_near
    from {{ ref('sect') }} as sects
    left join shared_names
        on sects.music_community = shared_names.music_community and sects.sect_name = shared_names.sect_name
    left join {{ ref('sect_progress') }} as progress
        on sects.sect_tag_id = progress.sect_tag_id
    cross join thresholds
),

scoped_sects as (
    {{ scoped('sects') | indent(4) }}
),

sects_of_scope as (
    select
        tier,
        scope_id,
        count(*) filter (where is_near) as near_threshold,
        cast(count(distinct shared_name) as double) / count(distinct sect_name) as shared_share
    from scoped_sects
    group by all
),

by_scope as (
    select
        scope.tier,
        scope.scope_id,
        cast(null as integer) as window_days,
        coalesce(sects.near_threshold, 0) as near_threshold,
        artists.artists_of_two_sects,
        artists.artists_of_a_sect,
        artists.people,
        cast(artists.artists_of_a_sect as double) / artists.artists as tagged_share
    from scope
    left join sects_of_scope as sects
        on scope.scope_id = sects.scope_id
    left join artists_of_scope as artists
        on scope.scope_id = artists.scope_id
),

holders as (
    select
        user_id,
        scene_id,
        sect_name
    from {{ ref('sect_holder') }}
),

scoped_holders as (
    {{ scoped('holders') | indent(4) }}
),

by_name as (
    select
        holders.tier,
        holders.scope_id,
        cast(null as integer) as window_days,
        holders.sect_name,
        sects.shared_share,
        count(distinct holders.user_id) as people
    from scoped_holders as holders
    inner join sects_of_scope as sects
        on holders.scope_id = sects.scope_id
    group by all
)

{{ unpivoted('by_scope', [
    {'name': 'sects_near_threshold', 'column': 'near_threshold', 'coverage': 'tagged_share'},
    {'name': 'artists_cross_sect_share', 'numerator': 'artists_of_two_sects',
        'denominator': 'artists_of_a_sect', 'coverage': 'tagged_share', 'cohort': 'people'},
]) }}
union all
{{ unpivoted('by_name', [
    {'name': 'sect_name_population', 'column': 'people', 'bucket': 'sect_name', 'coverage': 'shared_share',
        'cohort': 'people'},
]) }}
