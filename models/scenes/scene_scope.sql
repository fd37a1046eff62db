with scene as (
    select * from {{ ref('scene') }}
),

scope as (
    select * from {{ ref('scope') }}
)

{% for tier, parts in var('tiers').items() if parts %}
{%- if not loop.first %}
union all
{% endif -%}
select
    scene.scene_id,
    scope.tier,
    scope.scope_id
from scene
inner join scope
    on
        scope.tier = '{{ tier }}'
        {%- for part in parts %}
        and scene.{{ part }} = scope.{{ part }}
        {%- endfor %}
{%- endfor %}
