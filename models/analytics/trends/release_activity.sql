{#- A release is a song's entry into the rotation of a scene, as it was last known. What was heard of it is that of the
    first whole week: copied, so that no other span of days tells of people whom that week does not tell of. -#}

with entries as (
    select * from {{ ref('rotation_stay') }}
    where is_last
),

as_of as (
    select * from {{ ref('as_of') }}
),

tracks as (
    select * from {{ ref('stg_tracks') }}
),

artists as (
    select * from {{ ref('stg_artist_bands') }}
),

scene as (
    select * from {{ ref('scene') }}
),

first_weeks as (
    select
        entries.rotation_entry_id,
        min(periods.starts_on) as starts_on
    from entries
    inner join {{ ref('period') }} as periods
        on periods.period = 'week' and cast(entries.entered_pool_at as date) <= periods.starts_on
    group by entries.rotation_entry_id
),

weeks as (
    select * from {{ ref('track_week') }}
    where period = 'week'
),

votes as (
    select
        track_id,
        scene_id,
        count(*) as votes
    from {{ ref('stg_track_votes') }}
    group by all
)

select
    entries.rotation_entry_id,
    entries.track_id,
    tracks.title as track_title,
    tracks.artist_band_id,
    artists.name as artist_name,
    entries.scene_id,
    entries.entered_pool_at,
    entries.graduated_at,
    entries.gone_on,
    cast(
        {{ days_apart('cast(entries.entered_pool_at as date)', 'cast(entries.graduated_at as date)') }}
        as bigint
    ) as days_to_graduation,
    first_weeks.starts_on as first_week_on,
    weeks.listens as first_week_listens,
    weeks.listeners as first_week_listeners,
    {{ if_known('votes', 'cast(coalesce(votes.votes, 0) as bigint)') }} as votes
from entries
inner join scene
    on entries.scene_id = scene.scene_id
inner join as_of
    on entries.entered_pool_at < as_of.as_of
left join tracks
    on entries.track_id = tracks.track_id
left join artists
    on tracks.artist_band_id = artists.artist_band_id
left join first_weeks
    on entries.rotation_entry_id = first_weeks.rotation_entry_id
left join weeks
    on entries.track_id = weeks.track_id and first_weeks.starts_on = weeks.starts_on
left join votes
    on entries.track_id = votes.track_id and entries.scene_id = votes.scene_id
