with stays as (
    select * from {{ ref('rotation_stay') }}
    where is_last
),

scene as (
    select * from {{ ref('scene') }}
),

scope as (
    select * from {{ ref('scope') }}
),

wider_scenes as (
    select * from {{ ref('stg_communities_history') }}
    qualify
        row_number() over (partition by community_id order by from_night desc) = 1
        and tier in ('state', 'national')
),

tracks as (
    select * from {{ ref('stg_tracks') }}
),

last_known_tracks as (
    select * from {{ ref('stg_tracks_history') }}
    qualify row_number() over (partition by track_id order by from_night desc) = 1
),

-- Every entry in the rotation of a state or nation, with the scene that its song comes from.
advances as (
    select
        stays.rotation_entry_id,
        stays.track_id,
        stays.created_at,
        stays.gone_on is null as is_there,
        wider_scenes.tier as reached,
        wider_scenes.state,
        wider_scenes.music_community,
        tracks.artist_band_id,
        tracks.community_id as scene_id,
        coalesce(
            scene.music_community = wider_scenes.music_community
            and (wider_scenes.tier = 'national' or scene.state = wider_scenes.state),
            false
        ) as is_from_there
    from stays
    inner join wider_scenes
        on stays.scene_id = wider_scenes.community_id
    left join tracks
        on stays.track_id = tracks.track_id
    left join scene
        on tracks.community_id = scene.scene_id
),

city_songs as (
    select distinct
        stays.track_id,
        scene.state,
        scene.music_community
    from stays
    inner join scene
        on stays.scene_id = scene.scene_id
    where stays.gone_on is null
),

origins as (
    select
        advances.rotation_entry_id,
        advances.reached,
        advances.music_community,
        advances.is_from_there or count(city_songs.track_id) > 0 as is_known
    from advances
    left join city_songs
        on
            advances.track_id = city_songs.track_id
            and advances.music_community = city_songs.music_community
            and (advances.reached = 'national' or advances.state = city_songs.state)
    where advances.is_there
    group by advances.rotation_entry_id, advances.reached, advances.music_community, advances.is_from_there
),

origins_of_kind as (
    select
        reached,
        music_community,
        count(*) filter (where is_known) as known,
        count(*) as entries
    from origins
    group by all
),

known_shares as (
    select
        scope.scope_id,
        sum(origins_of_kind.known) filter (where origins_of_kind.reached = 'state')
        / sum(origins_of_kind.entries) filter (where origins_of_kind.reached = 'state') as state_share,
        sum(origins_of_kind.known) filter (where origins_of_kind.reached = 'national')
        / sum(origins_of_kind.entries) filter (where origins_of_kind.reached = 'national') as nation_share
    from scope
    inner join origins_of_kind
        on scope.music_community = origins_of_kind.music_community or scope.tier = 'platform'
    group by all
),

scope_windows as (
    select
        every_window.*,
        known_shares.state_share,
        known_shares.nation_share
    from (
        {{ scope_windows() | indent(8) }}
    ) as every_window
    left join known_shares
        on every_window.scope_id = known_shares.scope_id
),

scoped_advances as (
    {{ scoped('advances') | indent(4) }}
),

advanced as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        scope_windows.state_share,
        scope_windows.nation_share,
        count(distinct advances.track_id) filter (where advances.reached = 'state') as to_state,
        count(distinct advances.track_id) filter (where advances.reached = 'national') as to_nation
    from scope_windows
    left join scoped_advances as advances
        on
            scope_windows.scope_id = advances.scope_id
            and advances.is_there
            and advances.is_from_there
            and advances.created_at >= scope_windows.starts_at
            and advances.created_at < scope_windows.as_of
    group by all
),

in_nation as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        scope_windows.nation_share,
        count(distinct advances.track_id) as songs
    from scope_windows
    left join scoped_advances as advances
        on
            scope_windows.scope_id = advances.scope_id
            and advances.reached = 'national'
            and advances.is_there
    where scope_windows.window_days is null
    group by all
),

ever_advanced as (
    select
        advances.track_id,
        last_known_tracks.community_id as scene_id
    from advances
    left join last_known_tracks
        on advances.track_id = last_known_tracks.track_id
    where advances.reached = 'national'
),

scoped_ever as (
    {{ scoped('ever_advanced') | indent(4) }}
),

ever_in_nation as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        scope_windows.nation_share,
        count(distinct scoped_ever.track_id) as songs
    from scope_windows
    left join scoped_ever
        on scope_windows.scope_id = scoped_ever.scope_id
    where scope_windows.window_days is null
    group by all
),

-- Entries in the rotation of a state or nation are where songs go to, not where they come from.
songs as (
    select
        stays.track_id,
        stays.scene_id,
        stays.entered_pool_at,
        coalesce(bool_or(advances.reached = 'state'), false) as reached_state,
        coalesce(bool_or(advances.reached = 'national'), false) as reached_nation
    from stays
    inner join scene
        on stays.scene_id = scene.scene_id
    left join advances
        on stays.track_id = advances.track_id
    group by stays.track_id, stays.scene_id, stays.entered_pool_at
),

scoped_songs as (
    {{ scoped('songs') | indent(4) }}
),

entered as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        scope_windows.state_share,
        scope_windows.nation_share,
        count(distinct songs.track_id) as songs,
        count(distinct songs.track_id) filter (where songs.reached_state) as to_state,
        count(distinct songs.track_id) filter (where songs.reached_nation) as to_nation
    from scope_windows
    inner join scoped_songs as songs
        on
            scope_windows.scope_id = songs.scope_id
            and songs.entered_pool_at >= scope_windows.starts_at
            and songs.entered_pool_at < scope_windows.as_of
    group by all
),

artists_in_state as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        scope_windows.state_share,
        advances.artist_band_id,
        count(distinct advances.track_id) as songs
    from scope_windows
    inner join scope
        on scope_windows.scope_id = scope.scope_id
    inner join advances
        on scope.state = advances.state and scope.music_community = advances.music_community
    where
        scope.tier = 'state'
        and scope_windows.window_days is null
        and advances.reached = 'state'
        and advances.artist_band_id is not null
    group by all
),

artists_in_nation as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        scope_windows.nation_share,
        advances.artist_band_id,
        count(distinct advances.track_id) as songs
    from scope_windows
    inner join scoped_advances as advances
        on scope_windows.scope_id = advances.scope_id
    where
        scope_windows.window_days is null
        and advances.reached = 'national'
        and advances.artist_band_id is not null
    group by all
)

{{ unpivoted('advanced', [
    {'name': 'songs_advanced_to_state', 'column': 'to_state', 'coverage': 'state_share'},
    {'name': 'songs_advanced_to_national', 'column': 'to_nation', 'coverage': 'nation_share'},
]) }}
union all
{{ unpivoted('in_nation', [
    {'name': 'national_songs_from_here', 'column': 'songs', 'coverage': 'nation_share'},
]) }}
union all
{{ unpivoted('ever_in_nation', [
    {'name': 'songs_ever_national', 'column': 'songs', 'coverage': 'nation_share'},
]) }}
union all
{{ unpivoted('entered', [
    {'name': 'city_to_state_ratio', 'numerator': 'to_state', 'denominator': 'songs',
     'coverage': 'state_share'},
    {'name': 'city_to_national_ratio', 'numerator': 'to_nation', 'denominator': 'songs',
     'coverage': 'nation_share'},
]) }}
union all
{{ unpivoted('artists_in_state', [
    {'name': 'artist_songs_in_state', 'column': 'songs', 'coverage': 'state_share'}
], 'artist', 'artist_band_id') }}
union all
{{ unpivoted('artists_in_nation', [
    {'name': 'artist_songs_in_nation', 'column': 'songs', 'coverage': 'nation_share'}
], 'artist', 'artist_band_id') }}
