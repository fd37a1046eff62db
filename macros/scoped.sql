{#- Every row of a relation once per tier, with the scope that its scene_id belongs to. A row that has no scene, or
    whose scene lacks a part of the tier, belongs to the tier's unscoped scope, or to the one scope of a tier without
    parts. -#}
{% macro scoped(relation) -%}
    select
        facts.*,
        tiers.tier,
        coalesce(scene_scope.scope_id, tiers.scope_id) as scope_id
    from {{ relation }} as facts
    cross join (
        select
            tier,
            scope_id
        from {{ ref('scope') }}
        where
            is_unscoped
            {%- for tier, parts in var('tiers').items() if not parts %}
            or tier = '{{ tier }}'
            {%- endfor %}
    ) as tiers
    left join {{ ref('scene_scope') }} as scene_scope
        on facts.scene_id = scene_scope.scene_id and tiers.tier = scene_scope.tier
{%- endmacro %}
