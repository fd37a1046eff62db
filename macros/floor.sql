{#- Which cells are withheld, of a relation with one row per cell: its key (what it is about, whatever the scope), scope,
    people, and whether it is small by itself. A scope without a row has nobody, and is small, too. Only the scope of
    what lies in no scene at all may show its zero: of some numbers it can have no other.

    From the top: beside a scope that is withheld another must be, or the wider scope less the others would tell it, and
    together they must be enough people. In a scope that is withheld a part must be, or the parts would add up to it. -#}
{% macro decided(cells) -%}
    with cells as (
        select * from {{ cells }}
    ),

    parts as (
        select
            scope_parent.*,
            sceneless_scope.scope_id is not null as may_be_nobody
        from {{ ref('scope_parent') }} as scope_parent
        left join {{ ref('sceneless_scope') }} as sceneless_scope
            on scope_parent.scope_id = sceneless_scope.scope_id
    ),

    part_counts as (
        select
            parent_id,
            count(*) filter (where not may_be_nobody) as scopes
        from parts
        group by all
    ),

    placed as (
        select
            cells.cell_key,
            cells.scope_id,
            cells.people,
            cells.is_small and not (parts.may_be_nobody and cells.people = 0) as is_small,
            parts.may_be_nobody,
            parts.parent_id,
            parts.depth
        from cells
        inner join parts
            on cells.scope_id = parts.scope_id
    ),

    -- What is part of no other scope is withheld for its own sake alone.
    decided_0 as (
        select
            cells.cell_key,
            cells.scope_id,
            cells.is_small as is_withheld
        from cells
        left join parts
            on cells.scope_id = parts.scope_id
        left join {{ ref('unscoped_part') }} as unscoped_part
            on cells.scope_id = unscoped_part.scope_id
        where parts.scope_id is null and unscoped_part.scope_id is null
    )
    {%- for depth in range(1, 4) %},

    siblings_{{ depth }} as (
        select
            placed.*,
            above.is_withheld as is_parent_withheld,
            sum(case when placed.is_small then 1 else 0 end) over family
            + part_counts.scopes - sum(case when placed.may_be_nobody then 0 else 1 end) over family
                as small_scopes,
            sum(case when placed.is_small then placed.people else 0 end) over family as small_people,
            row_number() over (
                partition by placed.cell_key, placed.parent_id, placed.is_small
                order by placed.people = 0, placed.people, placed.scope_id
            ) as turn
        from placed
        inner join part_counts
            on placed.parent_id = part_counts.parent_id
        left join decided_{{ depth - 1 }} as above
            on placed.cell_key = above.cell_key and placed.parent_id = above.scope_id
        where placed.depth = {{ depth }}
        window family as (partition by placed.cell_key, placed.parent_id)
    ),

    decided_{{ depth }} as (
        select
            siblings.cell_key,
            siblings.scope_id,
            siblings.is_small
            or (
                siblings.turn = 1
                and privacy_floor.floor_people > 0
                and case
                    when siblings.is_parent_withheld then siblings.small_scopes = 0
                    when not siblings.is_parent_withheld
                        then
                            siblings.small_scopes = 1
                            or (siblings.small_scopes > 1 and siblings.small_people < privacy_floor.floor_people)
                    else false
                end
            ) as is_withheld
        from siblings_{{ depth }} as siblings
        cross join {{ ref('privacy_floor') }} as privacy_floor
    )
    {%- endfor %},

    in_tree as (
        {% for depth in range(4) -%}
        select * from decided_{{ depth }}
        {%- if not loop.last %}
        union all
        {% endif -%}
        {%- endfor %}
    ),

    -- What gathers parts of several scopes is shown if all its parts are.
    gathered as (
        select
            cells.cell_key,
            cells.scope_id,
            bool_or(
                coalesce(in_tree.is_withheld, not parts.may_be_nobody and privacy_floor.floor_people > 0)
            ) as is_withheld
        from cells
        cross join {{ ref('privacy_floor') }} as privacy_floor
        inner join {{ ref('unscoped_part') }} as unscoped_part
            on cells.scope_id = unscoped_part.scope_id
        inner join parts
            on unscoped_part.part_id = parts.scope_id
        left join in_tree
            on cells.cell_key = in_tree.cell_key and unscoped_part.part_id = in_tree.scope_id
        group by all
    )

    select * from in_tree
    union all
    select * from gathered
{%- endmacro %}


{#- What a cell is about, whatever the scope: the group that decides, the subject, the window and the bucket. A scene's
    number is about its scope, whatever scope that is. -#}
{% macro cell_key(cohort_group, subject_type, subject_id, window_days, bucket) -%}
    concat_ws(
        '|',
        {{ cohort_group }},
        {{ subject_type }},
        case when {{ subject_type }} <> 'scene' then cast({{ subject_id }} as varchar) end,
        coalesce(cast({{ window_days }} as varchar), 'all'),
        {{ bucket }}
    )
{%- endmacro %}


{#- A number, or null where it is withheld. -#}
{% macro if_shown(is_shown, value) -%}
    case when {{ is_shown }} then {{ value }} end
{%- endmacro %}
