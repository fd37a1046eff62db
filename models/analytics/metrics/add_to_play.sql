with adds as (
    select
        user_id,
        created_at,
        home_scene_id as scene_id,
        lower(signal_type) as signal_type
    from {{ ref('signal_response') }}
    where action_type = 'ADD'
),

song_types as (
    select value as signal_type
    from {{ ref('metric_threshold') }}
    where metric = 'add_to_play_ratio' and threshold = 'song_signal_types'
),

listens as (
    select * from {{ ref('listening') }}
    where subject_type = 'scene' and metric = 'listens'
),

scope_windows as (
    {{ scope_windows() | indent(4) }}
),

marked as (
    select
        adds.*,
        song_types.signal_type is not null as is_of_song
    from adds
    left join song_types
        on adds.signal_type = song_types.signal_type
),

scoped as (
    {{ scoped('marked') | indent(4) }}
),

by_scope as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        listens.value as listens,
        count(scoped.user_id) as adds,
        count(*) filter (where scoped.is_of_song) as song_adds,
        count(distinct scoped.user_id) filter (where scoped.is_of_song) as adders
    from scope_windows
    inner join listens
        on
            scope_windows.scope_id = listens.scope_id
            and scope_windows.window_days is not distinct from listens.window_days
    left join scoped
        on scope_windows.scope_id = scoped.scope_id and scoped.created_at >= scope_windows.starts_at
    group by all
)

{{ unpivoted('by_scope', [
    {
        'name': 'add_to_play_ratio',
        'numerator': 'song_adds',
        'denominator': 'listens',
        'coverage': 'cast(song_adds as double) / nullif(adds, 0)',
        'cohort': 'adders',
    },
]) }}
