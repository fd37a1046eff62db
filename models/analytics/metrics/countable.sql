{#- An arm for each metric that counts things: the scene that a thing lies in, when it happened (null if it simply is), and
    who did it, if somebody did. Metrics are named as in the registry (seeds/metric.csv). -#}

with signals as (
    select * from {{ ref('signal_response') }}
),

events as (
    select * from {{ ref('stg_events') }}
),

entries as (
    select * from {{ ref('stg_rotation_entries') }}
),

artists as (
    select * from {{ ref('stg_artist_bands') }}
),

artists_as_last_known as (
    select * from {{ ref('stg_artist_bands_history') }}
    qualify row_number() over (partition by artist_band_id order by from_night desc) = 1
),

residents as (
    select * from {{ ref('resident') }}
),

proofs as (
    select
        *,
        cast(verified_at as date) as verified_on
    from {{ ref('stg_proof_of_support') }}
    where status = 'verified'
),

promotions as (
    select * from {{ ref('stg_signals') }}
    where signal_type in ('PROMOTION', 'OFFER')
),

communities as (
    select * from {{ ref('stg_communities') }}
    where tier = 'city'
),

-- A pair lies in one scene, whatever the kinds under which the thing is followed.
follows as (
    select
        follows.user_id,
        follows.entity_id,
        follows.created_at,
        max(coalesce(scene.scene_id, artists.home_scene_id))
            over (partition by follows.user_id, follows.entity_id) as scene_id
    from {{ ref('stg_follows') }} as follows
    left join artists
        on
            case when follows.entity_type in ('artist', 'artistBand', 'band') then follows.entity_id end
            = artists.artist_band_id
    left join {{ ref('scene') }} as scene
        on case when follows.entity_type = 'community' then follows.entity_id end = scene.scene_id
),

-- Songs of artists that entered the rotation of a city scene.
releases as (
    select
        tracks.artist_band_id,
        entries.track_id,
        entries.entered_pool_at
    from entries
    inner join {{ ref('stg_tracks') }} as tracks
        on entries.track_id = tracks.track_id
    inner join {{ ref('scene') }} as scene
        on entries.scene_id = scene.scene_id
),

votes as (
    select
        *,
        cast(created_at as date) as voted_on
    from {{ ref('stg_track_votes') }}
),

verified_attendances as (
    select
        attendances.*,
        events.community_id,
        events.ends_at
    from {{ ref('verified_attendance') }} as attendances
    left join events
        on attendances.event_id = events.event_id
),

promoters as (
    select distinct
        residents.user_id,
        residents.scene_id
    from residents
    inner join {{ ref('stg_user_capability_grants') }} as grants
        on residents.user_id = grants.user_id
    where grants.capability = 'promoter_capability' and grants.status = 'active'
)

-- Things that happened.
select
    'votes' as metric,
    scene_id,
    created_at as happened_at,
    user_id,
    track_vote_id as counted_id
from votes
union all
select
    case action_type when 'BLAST' then 'blasts' when 'ADD' then 'adds' else 'recommends' end as metric,
    scene_id,
    created_at as happened_at,
    user_id,
    signal_action_id as counted_id
from signals
where action_type in ('BLAST', 'ADD', 'RECOMMEND')
union all
select
    'signal_actions' as metric,
    scene_id,
    created_at as happened_at,
    user_id,
    signal_action_id as counted_id
from signals
where coalesce(signal_type, '') <> 'flyer'
union all
select
    'events_created' as metric,
    community_id as scene_id,
    created_at as happened_at,
    created_by_user_id as user_id,
    event_id as counted_id
from events
union all
select
    'verified_attendance' as metric,
    community_id as scene_id,
    checked_in_at as happened_at,
    user_id,
    attendance_id as counted_id
from verified_attendances
union all
select
    'follows' as metric,
    scene_id,
    created_at as happened_at,
    user_id,
    {{ stable_id(['user_id', 'entity_id']) }} as counted_id
from follows
union all
select
    'project_supports' as metric,
    projects.community_id as scene_id,
    supports.created_at as happened_at,
    supports.user_id,
    supports.project_support_id as counted_id
from {{ ref('stg_project_supports') }} as supports
left join {{ ref('stg_projects') }} as projects
    on supports.project_id = projects.project_id
union all
select
    'proof_of_support_verified' as metric,
    home_scene.scene_id,
    proofs.verified_at as happened_at,
    proofs.user_id,
    proofs.proof_of_support_id as counted_id
from proofs
{{ join_home_scene('proofs', 'user_id', 'proofs.verified_on') }}
union all
select
    'new_sect_tags' as metric,
    parent_community_id as scene_id,
    created_at as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    sect_tag_id as counted_id
from {{ ref('stg_sect_tags') }}
union all
select
    'sect_motions' as metric,
    scene_id,
    created_at as happened_at,
    created_by_user_id as user_id,
    registrar_entry_id as counted_id
from {{ ref('stg_registrar_entries') }}
where entry_type = 'sect_motion'
union all
select
    'promotions_posted' as metric,
    community_id as scene_id,
    created_at as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    signal_id as counted_id
from promotions
union all
select
    'songs_entered_rotation' as metric,
    scene_id,
    entered_pool_at as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    track_id as counted_id
from entries
union all
select
    'songs_graduated' as metric,
    scene_id,
    graduated_at as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    track_id as counted_id
from entries
where graduated_at is not null
union all
select
    'new_artists' as metric,
    home_scene_id as scene_id,
    created_at as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    artist_band_id as counted_id
from artists
union all
select
    'artists_with_event' as metric,
    artists.home_scene_id as scene_id,
    events.created_at as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    artists.artist_band_id as counted_id
from events
inner join artists
    on events.artist_band_id = artists.artist_band_id
-- Things that are.
union all
select
    'members' as metric,
    scene_id,
    cast(null as timestamp) as happened_at,
    user_id,
    user_id as counted_id
from residents
union all
select
    'gps_verified_members' as metric,
    scene_id,
    cast(null as timestamp) as happened_at,
    user_id,
    user_id as counted_id
from residents
where is_gps_verified
union all
select
    'promoters' as metric,
    scene_id,
    cast(null as timestamp) as happened_at,
    user_id,
    user_id as counted_id
from promoters
union all
select
    'joined_members' as metric,
    scene_id,
    cast(null as timestamp) as happened_at,
    user_id,
    user_id as counted_id
from {{ ref('joined_member') }}
union all
select
    'artists' as metric,
    home_scene_id as scene_id,
    cast(null as timestamp) as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    artist_band_id as counted_id
from artists
union all
select
    'artists_ever' as metric,
    home_scene_id as scene_id,
    timestamp '0001-01-01' as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    artist_band_id as counted_id
from artists_as_last_known
union all
select
    'songs_in_rotation' as metric,
    scene_id,
    cast(null as timestamp) as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    track_id as counted_id
from entries
union all
select
    case pool when 'NEW_RELEASES' then 'tracks_in_new_releases' else 'tracks_in_main_rotation' end as metric,
    scene_id,
    cast(null as timestamp) as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    track_id as counted_id
from entries
union all
select
    'songs_ever_in_rotation' as metric,
    scene_id,
    timestamp '0001-01-01' as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    track_id as counted_id
from {{ ref('rotation_stay') }}
union all
select
    'active_new_count' as metric,
    entries.scene_id,
    cast(null as timestamp) as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    entries.rotation_entry_id as counted_id
from entries
cross join {{ ref('as_of') }} as as_of
where
    entries.entered_pool_at < as_of.as_of
    and (
        entries.graduated_at >= as_of.as_of
        or (entries.graduated_at is null and entries.pool <> 'MAIN_ROTATION')
    )
union all
select
    'active_artists' as metric,
    entries.scene_id,
    cast(null as timestamp) as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    tracks.artist_band_id as counted_id
from entries
inner join {{ ref('stg_tracks') }} as tracks
    on entries.track_id = tracks.track_id
where tracks.artist_band_id is not null
union all
select
    'events_this_month' as metric,
    events.community_id as scene_id,
    cast(null as timestamp) as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    events.event_id as counted_id
from events
inner join {{ ref('as_of') }} as as_of
    on date_trunc('month', events.starts_at) = date_trunc('month', as_of.as_of_date)
union all
select
    'active_tracks' as metric,
    community_id as scene_id,
    cast(null as timestamp) as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    track_id as counted_id
from {{ ref('stg_tracks') }}
where status = 'ready'
union all
select
    'active_sects' as metric,
    parent_community_id as scene_id,
    cast(null as timestamp) as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    sect_tag_id as counted_id
from {{ ref('stg_sect_tags') }}
where status = 'active'
union all
select
    'scope_community_count' as metric,
    community_id as scene_id,
    cast(null as timestamp) as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    community_id as counted_id
from communities
union all
select
    'active_scenes' as metric,
    community_id as scene_id,
    cast(null as timestamp) as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    community_id as counted_id
from communities
where is_active
union all
select
    'official_sects' as metric,
    parent_community_id as scene_id,
    cast(null as timestamp) as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    sect_id as counted_id
from {{ ref('stg_sects') }}
-- Parts of ratios (seeds/metric_part.csv).
union all
select
    'events_naming_artist' as metric,
    artists.home_scene_id as scene_id,
    events.created_at as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    events.event_id as counted_id
from events
inner join artists
    on events.artist_band_id = artists.artist_band_id
union all
select
    'artists_with_ended_event' as metric,
    artists.home_scene_id as scene_id,
    events.ends_at as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    artists.artist_band_id as counted_id
from events
inner join artists
    on events.artist_band_id = artists.artist_band_id
union all
select
    'artists_with_release' as metric,
    artists.home_scene_id as scene_id,
    releases.entered_pool_at as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    artists.artist_band_id as counted_id
from releases
inner join artists
    on releases.artist_band_id = artists.artist_band_id
union all
select
    'events_and_releases' as metric,
    artists.home_scene_id as scene_id,
    events.created_at as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    events.event_id as counted_id
from events
inner join artists
    on events.artist_band_id = artists.artist_band_id
union all
select
    'events_and_releases' as metric,
    artists.home_scene_id as scene_id,
    releases.entered_pool_at as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    releases.track_id as counted_id
from releases
inner join artists
    on releases.artist_band_id = artists.artist_band_id
union all
select
    'ready_tracks_of_artists' as metric,
    artists.home_scene_id as scene_id,
    cast(null as timestamp) as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    tracks.track_id as counted_id
from {{ ref('stg_tracks') }} as tracks
inner join artists
    on tracks.artist_band_id = artists.artist_band_id
where tracks.status = 'ready'
union all
select
    'votes_by_people_at_home' as metric,
    home_scene.scene_id,
    votes.created_at as happened_at,
    votes.user_id,
    votes.track_vote_id as counted_id
from votes
{{ join_home_scene('votes', 'user_id', 'votes.voted_on') }}
union all
select
    'voters_at_home' as metric,
    home_scene.scene_id,
    votes.created_at as happened_at,
    votes.user_id,
    votes.user_id as counted_id
from votes
{{ join_home_scene('votes', 'user_id', 'votes.voted_on') }}
union all
select
    'events_by_promoters' as metric,
    promoters.scene_id,
    events.created_at as happened_at,
    promoters.user_id,
    events.event_id as counted_id
from promoters
inner join events
    on promoters.user_id = events.created_by_user_id
union all
select
    'ended_events' as metric,
    community_id as scene_id,
    ends_at as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    event_id as counted_id
from events
union all
select
    'attendances_of_ended_events' as metric,
    verified_attendances.community_id as scene_id,
    verified_attendances.ends_at as happened_at,
    verified_attendances.user_id,
    verified_attendances.attendance_id as counted_id
from verified_attendances
union all
select
    'entries_due' as metric,
    entries.scene_id,
    entries.entered_pool_at as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    entries.rotation_entry_id as counted_id
from entries
cross join {{ ref('as_of') }} as as_of
where entries.entered_pool_at <= {{ days_before('as_of.as_of', 'entries.new_window_days') }}
union all
select
    'entries_due_and_graduated' as metric,
    entries.scene_id,
    entries.entered_pool_at as happened_at,
    cast(null as {{ id_type() }}) as user_id,
    entries.rotation_entry_id as counted_id
from entries
cross join {{ ref('as_of') }} as as_of
where
    entries.entered_pool_at <= {{ days_before('as_of.as_of', 'entries.new_window_days') }}
    and entries.graduated_at < as_of.as_of
