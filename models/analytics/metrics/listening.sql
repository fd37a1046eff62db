{%- set sums = [
    'engagement_points', 'listens', 'full_listens', 'majority_listens', 'partial_listens', 'skips'
] -%}
{%- set of_scenes_and_artists = [
    {'name': 'engagement_points', 'cohort': 'unique_listeners'},
    {'name': 'listens', 'cohort': 'unique_listeners'},
    {'name': 'full_listens', 'cohort': 'unique_listeners'},
    {'name': 'majority_listens', 'cohort': 'unique_listeners'},
    {'name': 'partial_listens', 'cohort': 'unique_listeners'},
    {'name': 'skips', 'cohort': 'unique_listeners'},
    {'name': 'skip_rate', 'numerator': 'skips', 'denominator': 'listens', 'cohort': 'unique_listeners'},
    {
        'name': 'engagement_to_skip_ratio',
        'numerator': 'engagement_points',
        'denominator': 'skips',
        'cohort': 'unique_listeners',
    },
    {'name': 'unique_listeners', 'cohort': 'unique_listeners'},
] -%}
{%- set of_scenes = [
    {
        'name': 'engagement_growth_rate',
        'numerator': '(engagement_points - points_before)',
        'denominator': 'points_before',
        'cohort': 'least(unique_listeners, listeners_before)',
    },
] -%}

with listening as (
    select * from {{ ref('listening_day') }}
),

tracks as (
    select * from {{ ref('stg_tracks') }}
),

windows as (
    select * from {{ ref('summary_window') }}
),

scope_windows as (
    {{ scope_windows() | indent(4) }}
),

-- What each person heard of each artist in a window, and in the window before it.
heard as (
    select
        windows.window_days,
        listening.engaged_on < windows.starts_at as is_before,
        listening.scene_id,
        listening.user_id,
        {%- for sum in sums %}
        sum(listening.{{ sum }}) as {{ sum }},
        {%- endfor %}
        tracks.artist_band_id
    from listening
    inner join windows
        on listening.engaged_on >= coalesce(windows.starts_before, windows.starts_at)
    left join tracks
        on listening.track_id = tracks.track_id
    group by all
),

scoped as (
    {{ scoped('heard') | indent(4) }}
),

by_scope as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        {%- for sum in sums %}
        coalesce(sum(scoped.{{ sum }}) filter (where not scoped.is_before), 0) as {{ sum }},
        {%- endfor %}
        count(distinct scoped.user_id) filter (where not scoped.is_before) as unique_listeners,
        sum(scoped.engagement_points) filter (where scoped.is_before) as points_before,
        count(distinct scoped.user_id) filter (where scoped.is_before) as listeners_before
    from scope_windows
    left join scoped
        on
            scope_windows.scope_id = scoped.scope_id
            and scope_windows.window_days is not distinct from scoped.window_days
    group by all
),

by_artist as (
    select
        tier,
        scope_id,
        window_days,
        artist_band_id,
        {%- for sum in sums %}
        sum({{ sum }}) as {{ sum }},
        {%- endfor %}
        count(distinct user_id) as unique_listeners
    from scoped
    where artist_band_id is not null and not is_before
    group by all
)

{{ unpivoted('by_scope', of_scenes_and_artists + of_scenes) }}
union all
{{ unpivoted('by_artist', of_scenes_and_artists, 'artist', 'artist_band_id') }}
