{#- An artist's points and listeners are rows of `listening`; these numbers set them in relation. -#}

with listening as (
    select * from {{ ref('listening') }}
),

scope as (
    select * from {{ ref('scope') }}
),

artists as (
    select
        artist_band_id,
        home_scene_id as scene_id
    from {{ ref('stg_artist_bands') }}
),

own_scope as (
    {{ scoped('artists') | indent(4) }}
),

points as (
    select * from listening
    where subject_type = 'artist' and metric = 'engagement_points'
),

scope_listeners as (
    select * from listening
    where subject_type = 'scene' and metric = 'unique_listeners'
),

-- Listens of people without a home scene are in no scope that is a scene.
listens as (
    select
        listening.subject_id as artist_band_id,
        listening.window_days,
        sum(listening.value) filter (where listening.tier = 'platform') as listens,
        coalesce(sum(listening.value) filter (where scope.scene_id is not null), 0) as listens_from_scenes
    from listening
    inner join scope
        on listening.scope_id = scope.scope_id
    where listening.subject_type = 'artist' and listening.metric = 'listens'
    group by all
),

audience as (
    select
        points.tier,
        points.scope_id,
        points.window_days,
        points.subject_id as artist_band_id,
        points.value as points,
        points.cohort_size as listeners,
        everywhere.value as points_everywhere,
        points.value * all_listeners.value as points_by_all_listeners,
        everywhere.value * scope_listeners.value as points_everywhere_by_listeners
    from points
    inner join points as everywhere
        on
            everywhere.tier = 'platform'
            and points.subject_id = everywhere.subject_id
            and points.window_days is not distinct from everywhere.window_days
    inner join scope_listeners
        on
            points.scope_id = scope_listeners.scope_id
            and points.window_days is not distinct from scope_listeners.window_days
    inner join scope_listeners as all_listeners
        on
            all_listeners.tier = 'platform'
            and points.window_days is not distinct from all_listeners.window_days
),

beyond as (
    select
        audience.tier,
        audience.scope_id,
        audience.window_days,
        audience.artist_band_id,
        audience.listeners,
        listens.listens_from_scenes / listens.listens as coverage
    from audience
    inner join own_scope
        on
            audience.artist_band_id = own_scope.artist_band_id
            and audience.tier = own_scope.tier
            and audience.scope_id <> own_scope.scope_id
    inner join listens
        on
            audience.artist_band_id = listens.artist_band_id
            and audience.window_days is not distinct from listens.window_days
)

{{ unpivoted('audience', [
    {
        'name': 'artist_engagement_share', 'numerator': 'points', 'denominator': 'points_everywhere',
        'cohort': 'listeners',
    },
    {
        'name': 'engagement_density_index', 'numerator': 'points_by_all_listeners',
        'denominator': 'points_everywhere_by_listeners', 'cohort': 'listeners',
    },
], 'artist', 'artist_band_id') }}
union all
{{ unpivoted('beyond', [
    {'name': 'cross_scene_listeners', 'column': 'listeners', 'coverage': 'coverage', 'cohort': 'listeners'},
], 'artist', 'artist_band_id') }}
