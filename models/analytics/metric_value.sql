{%- set domains = [
    'counts',
    'ratios',
    'listening',
    'song_engagement',
    'voting',
    'sessions',
    'spikes',
    'add_to_play',
    'share_of_state',
    'correlations',
    'people',
    'newcomers',
    'membership',
    'app_totals',
    'visitors',
    'musicians',
    'rotation',
    'rotation_capacity',
    'propagation',
    'events',
    'event_engagement',
    'touring',
    'promotions',
    'formation',
    'audience',
    'awareness',
    'artist_events',
    'badges',
    'sects',
    'scene_sects',
    'map_points',
] -%}

with metrics as (
    {% for domain in domains %}
    {%- if not loop.first %}
    union all
    {% endif -%}
    select * from {{ ref(domain) }}
    {%- endfor %}
),

registry as (
    select * from {{ ref('known_metric') }}
)

select
    metrics.*,
    registry.is_point_in_time,
    {{ cell_key(
        'registry.cohort_group', 'metrics.subject_type', 'metrics.subject_id', 'metrics.window_days', 'metrics.bucket'
    ) | indent(4) }} as cell_key
from metrics
-- A metric has the windows and the tiers that its line in the registry names.
inner join registry
    on
        metrics.metric = registry.metric
        and {{ is_asked_for('registry', 'metrics.tier', 'metrics.window_days') }}
