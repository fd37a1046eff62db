with holders as (
    select * from {{ ref('sect_holder') }}
),

band_members as (
    select * from {{ ref('sect_band_member') }}
),

progress as (
    select * from {{ ref('sect_progress') }}
),

invitations as (
    select * from {{ ref('invitation') }}
),

joined as (
    select * from {{ ref('joined_member') }}
),

windows as (
    select * from {{ ref('summary_window') }}
),

-- A sect lies in one city scene. A sect of no city scene has no row (see `sect_members` in the registry).
sects as (
    select
        holders.sect_tag_id,
        holders.scene_id,
        count(*) as members,
        sum(count(*)) over (partition by holders.scene_id) as tags_of_scene
    from holders
    inner join {{ ref('scene') }} as scene
        on holders.scene_id = scene.scene_id
    group by holders.sect_tag_id, holders.scene_id
),

scoped as (
    {{ scoped('sects') | indent(4) }}
),

-- Artists carry no sect of their own. A tagged one has a band member who holds any sect.
tagged as (
    select distinct artist_band_id from band_members
),

active_artists as (
    select distinct
        scene_id,
        counted_id as artist_band_id
    from {{ ref('countable') }}
    where metric = 'active_artists'
),

artists_of_scene as (
    select
        artists.home_scene_id as scene_id,
        cast(count(tagged.artist_band_id) as double) / count(*) as tagged_share
    from {{ ref('stg_artist_bands') }} as artists
    left join tagged
        on artists.artist_band_id = tagged.artist_band_id
    group by all
),

active_artists_of_scene as (
    select
        active_artists.scene_id,
        cast(count(tagged.artist_band_id) as double) / count(*) as tagged_share
    from active_artists
    left join tagged
        on active_artists.artist_band_id = tagged.artist_band_id
    group by all
),

artists_of_sect as (
    select
        band_members.sect_tag_id,
        count(distinct band_members.artist_band_id) as artists,
        count(distinct band_members.user_id) as people,
        count(distinct active_artists.artist_band_id) as active_artists,
        count(distinct band_members.user_id) filter (
            where active_artists.artist_band_id is not null
        ) as people_of_active_artists
    from band_members
    left join active_artists
        on
            band_members.scene_id = active_artists.scene_id
            and band_members.artist_band_id = active_artists.artist_band_id
    group by all
),

joined_of_scene as (
    select
        scene_id,
        count(*) as members
    from joined
    group by all
),

joined_of_sect as (
    select
        holders.sect_tag_id,
        count(*) as members
    from holders
    inner join joined
        on holders.scene_id = joined.scene_id and holders.user_id = joined.user_id
    group by all
),

of_the_night as (
    select
        scoped.tier,
        scoped.scope_id,
        cast(null as integer) as window_days,
        scoped.sect_tag_id,
        scoped.members,
        scoped.tags_of_scene,
        coalesce(artists_of_sect.artists, 0) as artists,
        coalesce(artists_of_sect.people, 0) as people,
        coalesce(artists_of_sect.active_artists, 0) as active_artists,
        coalesce(artists_of_sect.people_of_active_artists, 0) as people_of_active_artists,
        coalesce(progress.progress, 0) as progress,
        coalesce(progress.people, 0) as people_of_sources,
        coalesce(joined_of_sect.members, 0) as joined_holders,
        joined_of_scene.members as joined_members,
        artists_of_scene.tagged_share,
        active_artists_of_scene.tagged_share as active_tagged_share
    from scoped
    left join artists_of_sect
        on scoped.sect_tag_id = artists_of_sect.sect_tag_id
    left join progress
        on scoped.sect_tag_id = progress.sect_tag_id
    left join joined_of_sect
        on scoped.sect_tag_id = joined_of_sect.sect_tag_id
    left join joined_of_scene
        on scoped.scene_id = joined_of_scene.scene_id
    left join artists_of_scene
        on scoped.scene_id = artists_of_scene.scene_id
    left join active_artists_of_scene
        on scoped.scene_id = active_artists_of_scene.scene_id
    where scoped.tier = 'city'
),

-- What each person did in a scene: listened while at home there, or voted there.
done as (
    select
        scene_id,
        user_id,
        engaged_on as done_on,
        sum(engagement_points) as engagement_points,
        true as is_listening,
        0 as votes
    from {{ ref('listening_day') }}
    where scene_id is not null
    group by all
    union all
    select
        scene_id,
        user_id,
        cast(created_at as date) as done_on,
        0 as engagement_points,
        false as is_listening,
        count(*) as votes
    from {{ ref('stg_track_votes') }}
    group by all
),

done_in_window as (
    select
        done.scene_id,
        done.user_id,
        windows.window_days,
        sum(done.engagement_points) as engagement_points,
        bool_or(done.is_listening) as is_listening,
        sum(done.votes) as votes
    from done
    inner join windows
        on done.done_on >= windows.starts_at and done.done_on < windows.as_of
    group by all
),

holders_of_scene as (
    select distinct
        scene_id,
        user_id
    from holders
),

done_in_scene as (
    select
        done.scene_id,
        done.window_days,
        sum(done.engagement_points) as engagement_points,
        sum(done.engagement_points) filter (where holders.user_id is not null) as points_of_holders,
        sum(done.votes) as votes,
        sum(done.votes) filter (where holders.user_id is not null) as votes_of_holders
    from done_in_window as done
    left join holders_of_scene as holders
        on done.scene_id = holders.scene_id and done.user_id = holders.user_id
    group by all
),

done_in_sect as (
    select
        holders.sect_tag_id,
        done.window_days,
        sum(done.engagement_points) as engagement_points,
        count(*) filter (where done.is_listening) as listeners,
        sum(done.votes) as votes,
        count(*) filter (where done.votes > 0) as voters
    from holders
    inner join done_in_window as done
        on holders.scene_id = done.scene_id and holders.user_id = done.user_id
    group by all
),

growth as (
    select
        holders.sect_tag_id,
        windows.window_days,
        count(*) filter (where holders.held_since >= windows.starts_at) as new_holders,
        count(*) filter (where holders.held_since < windows.starts_at) as old_holders
    from holders
    cross join windows
    group by all
),

in_window as (
    select
        scoped.tier,
        scoped.scope_id,
        growth.window_days,
        scoped.sect_tag_id,
        growth.new_holders,
        growth.old_holders,
        coalesce(done_in_sect.engagement_points, 0) as engagement_points,
        coalesce(done_in_sect.listeners, 0) as listeners,
        coalesce(done_in_sect.votes, 0) as votes,
        coalesce(done_in_sect.voters, 0) as voters,
        done_in_scene.engagement_points as points_of_scene,
        cast(coalesce(done_in_scene.points_of_holders, 0) as double)
        / nullif(done_in_scene.engagement_points, 0) as share_of_points,
        cast(coalesce(done_in_scene.votes_of_holders, 0) as double)
        / nullif(done_in_scene.votes, 0) as share_of_votes
    from scoped
    inner join growth
        on scoped.sect_tag_id = growth.sect_tag_id
    left join done_in_sect
        on
            growth.sect_tag_id = done_in_sect.sect_tag_id
            and growth.window_days is not distinct from done_in_sect.window_days
    left join done_in_scene
        on
            scoped.scene_id = done_in_scene.scene_id
            and growth.window_days is not distinct from done_in_scene.window_days
    where scoped.tier = 'city'
),

known as (
    select avg(cast(is_known as integer)) as share from invitations
),

by_instrument as (
    select
        scoped.tier,
        scoped.scope_id,
        cast(null as integer) as window_days,
        scoped.sect_tag_id,
        invitations.instrument,
        count(distinct holders.user_id) as musicians,
        min(known.share) as known_share
    from scoped
    inner join holders
        on scoped.sect_tag_id = holders.sect_tag_id
    inner join invitations
        on holders.user_id = invitations.user_id
    cross join known
    where scoped.tier = 'city' and invitations.instrument is not null
    group by all
)

{{ unpivoted('of_the_night', [
    {'name': 'sect_members', 'column': 'members', 'cohort': 'members'},
    {'name': 'sect_artists', 'column': 'artists', 'coverage': 'tagged_share', 'cohort': 'people'},
    {'name': 'sect_artists_in_rotation', 'column': 'active_artists', 'coverage': 'active_tagged_share',
        'cohort': 'people_of_active_artists'},
    {'name': 'sect_artist_density', 'numerator': 'artists', 'denominator': 'members',
        'coverage': 'tagged_share', 'cohort': 'members'},
    {'name': 'sect_threshold_progress', 'column': 'progress', 'coverage': 'tagged_share',
        'cohort': 'people_of_sources'},
    {'name': 'sect_share_of_tags', 'numerator': 'members', 'denominator': 'tags_of_scene',
        'cohort': 'members'},
    {'name': 'sect_membership_density', 'numerator': 'joined_holders', 'denominator': 'joined_members',
        'cohort': 'joined_holders'},
], 'sect', 'sect_tag_id') }}
union all
{{ unpivoted('in_window', [
    {'name': 'sect_engagement_points', 'column': 'engagement_points', 'coverage': 'share_of_points',
        'cohort': 'listeners'},
    {'name': 'sect_engagement_share', 'numerator': 'engagement_points', 'denominator': 'points_of_scene',
        'coverage': 'share_of_points', 'cohort': 'listeners'},
    {'name': 'sect_votes', 'column': 'votes', 'coverage': 'share_of_votes', 'cohort': 'voters'},
    {'name': 'sect_growth_rate', 'numerator': 'new_holders', 'denominator': 'old_holders',
        'cohort': 'least(new_holders, old_holders)'},
], 'sect', 'sect_tag_id') }}
union all
{{ unpivoted('by_instrument', [
    {'name': 'sect_musicians_by_instrument', 'column': 'musicians', 'bucket': 'instrument',
        'coverage': 'known_share', 'cohort': 'musicians'},
], 'sect', 'sect_tag_id') }}
