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

-- What people at home in a scene heard of each artist in a window, and in the window before it.
heard as (
    select
        windows.window_days,
        listening.engaged_on < windows.starts_at as is_before,
        listening.scene_id,
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

window_starts as (
    {{ window_starts() | indent(4) }}
),

people as (
    select
        listening.scene_id,
        listening.user_id,
        tracks.artist_band_id,
        {{ in_windows('listeners', 'listening.engaged_on') | indent(8) }},
        {{ in_windows_before('listeners_before', 'listening.engaged_on') | indent(8) }}
    from listening
    cross join window_starts
    left join tracks
        on listening.track_id = tracks.track_id
),

people_of_scopes as (
    {{ ids_in_scopes(
        'people', [], 'user_id', of_windows('listeners') + of_windows('listeners_before')
    ) | indent(4) }}
),

people_of_artists as (
    {{ ids_in_scopes('people', ['artist_band_id'], 'user_id', of_windows('listeners')) | indent(4) }}
),

by_scope as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        {%- for sum in sums %}
        coalesce(sum(scoped.{{ sum }}) filter (where not scoped.is_before), 0) as {{ sum }},
        {%- endfor %}
        sum(scoped.engagement_points) filter (where scoped.is_before) as points_before
    from scope_windows
    left join scoped
        on
            scope_windows.scope_id = scoped.scope_id
            and scope_windows.window_days is not distinct from scoped.window_days
    group by all
),

by_scope_with_people as (
    select
        by_scope.*,
        coalesce({{ of_window('counted.listeners', 'by_scope.window_days') }}, 0) as unique_listeners,
        coalesce({{ of_window('counted.listeners_before', 'by_scope.window_days') }}, 0) as listeners_before
    from by_scope
    left join people_of_scopes as counted
        on by_scope.scope_id = counted.scope_id
),

by_artist as (
    select
        tier,
        scope_id,
        window_days,
        artist_band_id,
        {%- for sum in sums %}
        sum({{ sum }}) as {{ sum }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    from scoped
    where artist_band_id is not null and not is_before
    group by all
),

by_artist_with_people as (
    select
        by_artist.*,
        {{ of_window('counted.listeners', 'by_artist.window_days') }} as unique_listeners
    from by_artist
    inner join people_of_artists as counted
        on by_artist.scope_id = counted.scope_id and by_artist.artist_band_id = counted.artist_band_id
)

{{ unpivoted('by_scope_with_people', of_scenes_and_artists + of_scenes) }}
union all
{{ unpivoted('by_artist_with_people', of_scenes_and_artists, 'artist', 'artist_band_id') }}
