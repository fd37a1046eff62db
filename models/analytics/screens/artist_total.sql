{#- The artist's numbers over everything. Distinct people are counted once, wherever they are at home. -#}
{%- set numbers = {
    'engagement_points': 'engagement_points', 'listens': 'listens', 'unique_listeners': 'listeners',
    'artist_adds': 'adds', 'adders': 'adders', 'followers': 'followers', 'artist_attendance': 'attendance',
    'artist_attendees': 'attendees', 'artist_repeat_attendees': 'repeat_attendees',
    'awareness_union': 'aware_people',
} -%}
with artists as (
    select * from {{ ref('stg_artist_bands') }}
),

windows as (
    select * from {{ ref('summary_window') }}
),

as_of as (
    select * from {{ ref('as_of') }}
),

tracks as (
    select * from {{ ref('stg_tracks') }}
),

shown as (
    select
        subject_id as artist_band_id,
        window_days,
        {%- for metric, column in numbers.items() %}
        cast(max(value) filter (where metric = '{{ metric }}') as bigint) as {{ column }}
        {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from {{ ref('shown_value') }}
    where subject_type = 'artist' and tier = 'platform' and not is_point_in_time
    group by subject_id, window_days
),

places as (
    select
        artist_band_id,
        window_days,
        count(city) as cities,
        count(distinct state) as states
    from {{ ref('artist_analytics') }}
    where listens is not null
    group by artist_band_id, window_days
),

songs as (
    select
        artist_band_id,
        count(*) as songs
    from tracks
    where status = 'ready' and artist_band_id is not null
    group by artist_band_id
),

-- Of every window, also of those in which the summary does not count them.
blasts as (
    select
        responses.artist_band_id,
        windows.window_days,
        count(*) as blasts
    from {{ ref('artist_response') }} as responses
    inner join windows
        on responses.happened_at >= windows.starts_at and responses.happened_at < windows.as_of
    where responses.response = 'blast'
    group by responses.artist_band_id, windows.window_days
),

votes as (
    select
        tracks.artist_band_id,
        windows.window_days,
        count(*) as votes
    from {{ ref('stg_track_votes') }} as votes
    inner join tracks
        on votes.track_id = tracks.track_id
    inner join windows
        on votes.created_at >= windows.starts_at and votes.created_at < windows.as_of
    where tracks.artist_band_id is not null
    group by tracks.artist_band_id, windows.window_days
),

weeks as (
    select
        starts_on,
        row_number() over (order by starts_on desc) as weeks_ago
    from {{ ref('period') }}
    where period = 'week'
),

trend as (
    select
        artist_week.artist_band_id,
        max(artist_week.listens) filter (where weeks.weeks_ago = 1) as listens_last_week,
        max(artist_week.listens) filter (where weeks.weeks_ago = 2) as listens_week_before
    from {{ ref('artist_week') }} as artist_week
    inner join weeks
        on artist_week.starts_on = weeks.starts_on
    where artist_week.period = 'week' and artist_week.tier = 'platform'
    group by artist_week.artist_band_id
)

select
    as_of.as_of_date,
    artists.artist_band_id,
    artists.name as artist_name,
    windows.window_days,
    {%- for column in numbers.values() %}
    shown.{{ column }},
    {%- endfor %}
    coalesce(blasts.blasts, 0) as blasts,
    {{ if_known('votes', 'coalesce(votes.votes, 0)') }} as votes,
    coalesce(places.cities, 0) as cities,
    coalesce(places.states, 0) as states,
    coalesce(songs.songs, 0) as songs,
    trend.listens_last_week,
    trend.listens_week_before
from artists
cross join windows
cross join as_of
left join shown
    on
        artists.artist_band_id = shown.artist_band_id
        and windows.window_days is not distinct from shown.window_days
left join blasts
    on
        artists.artist_band_id = blasts.artist_band_id
        and windows.window_days is not distinct from blasts.window_days
left join votes
    on
        artists.artist_band_id = votes.artist_band_id
        and windows.window_days is not distinct from votes.window_days
left join places
    on
        artists.artist_band_id = places.artist_band_id
        and windows.window_days is not distinct from places.window_days
left join songs
    on artists.artist_band_id = songs.artist_band_id
left join trend
    on artists.artist_band_id = trend.artist_band_id
