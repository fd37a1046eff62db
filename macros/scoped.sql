{#- Every row of a relation once per tier, with the scope its scene_id belongs to; what has no scene, or a scene
    without that tier's parts, belongs to the tier's unscoped scope. -#}
{% macro scoped(relation) -%}
    select
        facts.*,
        tiers.tier,
        coalesce(scene_scope.scope_id, tiers.scope_id) as scope_id
    from {{ relation }} as facts
    cross join (select tier, scope_id from {{ ref('scope') }} where is_unscoped) as tiers
    left join {{ ref('scene_scope') }} as scene_scope
        on facts.scene_id = scene_scope.scene_id and tiers.tier = scene_scope.tier
{%- endmacro %}
