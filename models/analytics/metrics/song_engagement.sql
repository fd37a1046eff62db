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

scoped as (
    {{ scoped('listening') | indent(4) }}
),

-- What people at home in a scope heard of the songs in rotation there.
heard as (
    select
        scoped.scope_id,
        scoped.track_id,
        scoped.user_id,
        scoped.engaged_on,
        scoped.engagement_points
    from scoped
    inner join songs
        on scoped.scope_id = songs.scope_id and scoped.track_id = songs.track_id
),

by_song as (
    select
        scope_windows.scope_id,
        scope_windows.window_days,
        songs.track_id,
        coalesce(sum(heard.engagement_points), 0) as engagement_points
    from scope_windows
    inner join songs
        on scope_windows.scope_id = songs.scope_id
    left join heard
        on
            songs.scope_id = heard.scope_id
            and songs.track_id = heard.track_id
            and heard.engaged_on >= scope_windows.starts_at
    group by all
),

listeners as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        count(distinct heard.user_id) as listeners
    from scope_windows
    left join heard
        on scope_windows.scope_id = heard.scope_id and heard.engaged_on >= scope_windows.starts_at
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

-- Buckets without a song count, too.
by_bucket as (
    select
        listeners.tier,
        listeners.scope_id,
        listeners.window_days,
        listeners.listeners,
        edges.bucket,
        count(by_song.track_id) as songs
    from listeners
    cross join edges
    left join by_song
        on
            listeners.scope_id = by_song.scope_id
            and listeners.window_days is not distinct from by_song.window_days
            and by_song.engagement_points >= edges.lower_edge
            and by_song.engagement_points < coalesce(edges.next_edge, by_song.engagement_points + 1)
    group by all
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
