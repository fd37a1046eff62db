with numbers as (
    select * from {{ ref('listening') }}
    where metric = 'engagement_points' and subject_type = 'scene'
    union all
    select * from {{ ref('counts') }}
    where metric = 'votes'
),

scene_scope as (
    select * from {{ ref('scene_scope') }}
    where tier = 'state'
),

-- Both numbers of each scene that has a state.
pairs as (
    select
        scenes.tier,
        scenes.scope_id,
        scenes.window_days,
        scenes.metric,
        scenes.value as of_scene,
        states.value as of_state,
        scenes.cohort_size as people
    from numbers as scenes
    inner join scene_scope
        on scenes.scope_id = scene_scope.scene_id
    inner join numbers as states
        on
            scene_scope.scope_id = states.scope_id
            and scenes.metric = states.metric
            and scenes.window_days is not distinct from states.window_days
),

engagement as (
    select * from pairs
    where metric = 'engagement_points'
),

votes as (
    select * from pairs
    where metric = 'votes'
)

{% for relation in ['engagement', 'votes'] %}
{%- if not loop.first %}
union all
{% endif -%}
{{ unpivoted(relation, [
    {
        'name': 'share_of_state_' ~ relation,
        'numerator': 'of_scene',
        'denominator': 'of_state',
        'cohort': 'people',
    },
]) }}
{%- endfor %}
