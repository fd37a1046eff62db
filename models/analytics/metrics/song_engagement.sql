with songs as (
    select * from {{ ref('scope_song') }}
),

listening as (
    select * from {{ ref('listening_day') }}
),

edges as (
    select
        value as bucket,
        try_cast(value as double) as lower_edge,
        lead(try_cast(value as double)) over (order by nth) as next_edge
    from {{ ref('metric_threshold') }}
    where metric = 'songs_by_engagement' and threshold = 'engagement_bucket_edges'
),

scope_windows as (
    {{ scope_windows() | indent(4) }}
),

-- What people at home in a scene heard of each song in a window.
points as (
    select
        windows.window_days,
        listening.scene_id,
        listening.track_id,
        sum(listening.engagement_points) as engagement_points
    from listening
    inner join {{ ref('summary_window') }} as windows
        on listening.engaged_on >= windows.starts_at
    group by all
),

scoped_points as (
    {{ scoped('points') | indent(4) }}
),

points_of_songs as (
    select
        songs.scope_id,
        songs.track_id,
        scoped_points.window_days,
        sum(scoped_points.engagement_points) as engagement_points
    from scoped_points
    inner join songs
        on scoped_points.scope_id = songs.scope_id and scoped_points.track_id = songs.track_id
    group by all
),

by_song as (
    select
        scope_windows.scope_id,
        scope_windows.window_days,
        songs.track_id,
        coalesce(heard.engagement_points, 0) as engagement_points
    from scope_windows
    inner join songs
        on scope_windows.scope_id = songs.scope_id
    left join points_of_songs as heard
        on
            songs.scope_id = heard.scope_id
            and songs.track_id = heard.track_id
            and scope_windows.window_days is not distinct from heard.window_days
),

scoped as (
    {{ scoped('listening') | indent(4) }}
),

-- When somebody at home in a scope last heard a song in rotation there.
last_heard as (
    select
        scoped.scope_id,
        scoped.user_id,
        max(scoped.engaged_on) as heard_on
    from scoped
    inner join songs
        on scoped.scope_id = songs.scope_id and scoped.track_id = songs.track_id
    group by all
),

listeners as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        count(last_heard.user_id) as listeners
    from scope_windows
    left join last_heard
        on scope_windows.scope_id = last_heard.scope_id and last_heard.heard_on >= scope_windows.starts_at
    group by all
),

by_scope as (
    select
        listeners.tier,
        listeners.scope_id,
        listeners.window_days,
        listeners.listeners,
        sum(by_song.engagement_points) as engagement_points,
        count(*) as songs,
        median(by_song.engagement_points) as median_points
    from listeners
    inner join by_song
        on
            listeners.scope_id = by_song.scope_id
            and listeners.window_days is not distinct from by_song.window_days
    group by all
),

songs_in_buckets as (
    select
        by_song.scope_id,
        by_song.window_days,
        edges.bucket,
        count(*) as songs
    from by_song
    inner join edges
        on
            by_song.engagement_points >= edges.lower_edge
            and (by_song.engagement_points < edges.next_edge or edges.next_edge is null)
    group by all
),

-- Buckets without a song count, too.
by_bucket as (
    select
        listeners.tier,
        listeners.scope_id,
        listeners.window_days,
        listeners.listeners,
        edges.bucket,
        coalesce(songs_in_buckets.songs, 0) as songs
    from listeners
    cross join edges
    left join songs_in_buckets
        on
            listeners.scope_id = songs_in_buckets.scope_id
            and listeners.window_days is not distinct from songs_in_buckets.window_days
            and edges.bucket = songs_in_buckets.bucket
)

{{ unpivoted('by_scope', [
    {
        'name': 'engagement_per_song_avg',
        'numerator': 'engagement_points',
        'denominator': 'songs',
        'cohort': 'listeners',
    },
    {'name': 'engagement_per_song_median', 'column': 'median_points', 'cohort': 'listeners'},
]) }}
union all
{{ unpivoted('by_bucket', [
    {'name': 'songs_by_engagement', 'column': 'songs', 'bucket': 'bucket', 'cohort': 'listeners'},
]) }}
