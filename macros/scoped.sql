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


{#- How many ids each scope has, of a relation with any number of rows per key, scene and id. One count for each flag, a
    column that says whether the row counts. In every scope an id counts once, in however many of its scenes it has rows.
    Most ids have rows in one scene only: these are counted there, and the counts add up. -#}
{% macro ids_in_scopes(relation, keys, id, flags) -%}
    {%- set of_keys -%}
        {%- for key in keys %}{{ key }}, {% endfor -%}
    {%- endset -%}
    {%- set any_row -%}
        {%- for flag in flags %}bool_or({{ flag }}) as {{ flag }}{{ ', ' if not loop.last }}{% endfor -%}
    {%- endset -%}
    {%- set how_many -%}
        {%- for flag in flags %}count(*) filter (where {{ flag }}) as {{ flag }}{{ ', ' if not loop.last }}{% endfor -%}
    {%- endset -%}
    with by_scene as (
        select {{ of_keys }}scene_id, {{ id }}, {{ any_row }}
        from {{ relation }}
        where {{ id }} is not null
        group by all
    ),

    by_id as (
        select {{ of_keys }}{{ id }}, count(*) as scenes, min(scene_id) as scene_id, {{ any_row }}
        from by_scene
        group by all
    ),

    counted_in_one as (
        select {{ of_keys }}scene_id, {{ how_many }}
        from by_id
        where scenes = 1
        group by all
    ),

    in_several as (
        select by_scene.*
        from by_scene
        inner join by_id
            on
                by_scene.{{ id }} = by_id.{{ id }}
                {%- for key in keys %}
                and by_scene.{{ key }} is not distinct from by_id.{{ key }}
                {%- endfor %}
        where by_id.scenes > 1
    ),

    scoped_counts as (
        {{ scoped('counted_in_one') | indent(8) }}
    ),

    scoped_ids as (
        {{ scoped('in_several') | indent(8) }}
    ),

    by_scope_and_id as (
        select {{ of_keys }}tier, scope_id, {{ id }}, {{ any_row }}
        from scoped_ids
        group by all
    ),

    together as (
        select {{ of_keys }}tier, scope_id, {{ flags | join(', ') }}
        from scoped_counts
        union all
        select {{ of_keys }}tier, scope_id, {{ how_many }}
        from by_scope_and_id
        group by all
    )

    select
        {{ of_keys }}tier, scope_id,
        {%- for flag in flags %}
        cast(sum({{ flag }}) as bigint) as {{ flag }}{{ ',' if not loop.last }}
        {%- endfor %}
    from together
    group by all
{%- endmacro %}
