with songs as (
    select * from {{ ref('scope_song') }}
),

votes as (
    select * from {{ ref('stg_track_votes') }}
),

scoped as (
    {{ scoped('votes') | indent(4) }}
),

scope_windows as (
    {{ scope_windows() | indent(4) }}
),

by_scope as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        count(*) filter (where scoped.created_at >= scope_windows.starts_at) as votes,
        count(*) filter (where scoped.created_at < scope_windows.starts_at) as votes_before,
        count(distinct scoped.user_id) filter (
            where scoped.created_at >= scope_windows.starts_at
        ) as voters,
        count(distinct scoped.user_id) filter (
            where scoped.created_at < scope_windows.starts_at
        ) as voters_before
    from scope_windows
    inner join scoped
        on
            scope_windows.scope_id = scoped.scope_id
            and scoped.created_at >= coalesce(scope_windows.starts_before, scope_windows.starts_at)
    group by all
),

by_song as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        songs.track_id,
        count(scoped.track_vote_id) as votes
    from scope_windows
    inner join songs
        on scope_windows.scope_id = songs.scope_id
    left join scoped
        on
            songs.scope_id = scoped.scope_id
            and songs.track_id = scoped.track_id
            and scoped.created_at >= scope_windows.starts_at
    group by all
),

in_order as (
    select
        *,
        row_number() over (partition by scope_id, window_days order by votes, track_id) as place
    from by_song
),

-- Of n songs, the i-th by votes counts 2i - n - 1 times.
of_songs as (
    select
        in_order.tier,
        in_order.scope_id,
        in_order.window_days,
        count(*) as songs,
        sum(in_order.votes) as votes,
        2 * sum(in_order.place * in_order.votes) - (count(*) + 1) * sum(in_order.votes) as spread,
        coalesce(by_scope.voters, 0) as voters
    from in_order
    left join by_scope
        on
            in_order.scope_id = by_scope.scope_id
            and in_order.window_days is not distinct from by_scope.window_days
    group by all
)

{{ unpivoted('by_scope', [
    {
        'name': 'vote_growth_rate',
        'numerator': '(votes - votes_before)',
        'denominator': 'votes_before',
        'cohort': 'least(voters, voters_before)',
    },
]) }}
union all
{{ unpivoted('of_songs', [
    {'name': 'votes_per_song_avg', 'numerator': 'votes', 'denominator': 'songs', 'cohort': 'voters'},
    {'name': 'vote_gini', 'numerator': 'spread', 'denominator': '(songs * votes)', 'cohort': 'voters'},
]) }}
