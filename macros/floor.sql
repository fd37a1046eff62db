{#- Which cells are withheld, of a relation with one row per cell: its key (what it is about, whatever the scope), scope,
    people, others (of a share of people those who are not in it), and whether it is small by itself. A scope without a
    row has nobody, and is small, too, unless it gathers what lies in no scene at all.

    From the top: beside a scope that is withheld another must be, or the wider scope less the others would tell it. In a
    scope that is withheld a part must be, or the parts would add up to it. In both cases those withheld must together be
    enough people, in the share and out of it: they are all that the reader does not know of the nearest wider scope
    that is shown. -#}
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
            cells.others,
            cells.is_small,
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

    -- The scopes of one parent, of which some are small and some may have no row.
    families_{{ depth }} as (
        select
            placed.cell_key,
            placed.parent_id,
            part_counts.scopes
            + sum(case when placed.is_small then 1 else 0 end)
            - sum(case when placed.may_be_nobody then 0 else 1 end) as small_scopes,
            sum(case when placed.is_small then placed.people else 0 end) as people_of_small,
            sum(case when placed.is_small then placed.others when placed.others is not null then 0 end)
                as others_of_small
        from placed
        inner join part_counts
            on placed.parent_id = part_counts.parent_id
        where placed.depth = {{ depth }}
        group by placed.cell_key, placed.parent_id, part_counts.scopes
    ),

    large_{{ depth }} as (
        select
            placed.cell_key,
            placed.scope_id,
            privacy_floor.floor_people,
            placed.people,
            families.small_scopes,
            above.is_withheld as is_parent_withheld,
            families.people_of_small < privacy_floor.floor_people
            or coalesce(families.others_of_small < privacy_floor.floor_people, false) as are_few,
            row_number() over (
                partition by placed.cell_key, placed.parent_id
                order by
                    placed.people = 0,
                    coalesce(placed.others < privacy_floor.floor_people, false),
                    placed.people,
                    placed.scope_id
            ) as turn
        from placed
        inner join families_{{ depth }} as families
            on placed.cell_key = families.cell_key and placed.parent_id = families.parent_id
        left join decided_{{ depth - 1 }} as above
            on placed.cell_key = above.cell_key and placed.parent_id = above.scope_id
        cross join {{ ref('privacy_floor') }} as privacy_floor
        where placed.depth = {{ depth }} and not placed.is_small
    ),

    decided_{{ depth }} as (
        select
            cell_key,
            scope_id,
            true as is_withheld
        from placed
        where depth = {{ depth }} and is_small
        union all
        select
            cell_key,
            scope_id,
            turn = 1
            and people > 0
            and floor_people > 0
            and case
                when is_parent_withheld then are_few
                when not is_parent_withheld then small_scopes = 1 or (small_scopes > 1 and are_few)
                else false
            end as is_withheld
        from large_{{ depth }}
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

    unscoped_parts as (
        select
            unscoped_part.*,
            parts.may_be_nobody
        from {{ ref('unscoped_part') }} as unscoped_part
        inner join parts
            on unscoped_part.part_id = parts.scope_id
    ),

    -- Parts that have a row and are shown, but for those of which nobody has one; and whether one of these is withheld.
    shown_parts as (
        select
            in_tree.cell_key,
            unscoped_parts.scope_id,
            count(*) filter (where not unscoped_parts.may_be_nobody) as shown,
            bool_or(unscoped_parts.may_be_nobody and in_tree.is_withheld) as is_nobodys_withheld
        from in_tree
        inner join unscoped_parts
            on in_tree.scope_id = unscoped_parts.part_id
        where not in_tree.is_withheld or unscoped_parts.may_be_nobody
        group by all
    ),

    part_totals as (
        select
            scope_id,
            count(*) filter (where not may_be_nobody) as scopes
        from unscoped_parts
        group by all
    ),

    -- What gathers parts of several scopes is shown if all its parts are.
    gathered as (
        select
            cells.cell_key,
            cells.scope_id,
            privacy_floor.floor_people > 0
            and (
                coalesce(shown_parts.shown, 0) < part_totals.scopes
                or coalesce(shown_parts.is_nobodys_withheld, false)
            ) as is_withheld
        from cells
        cross join {{ ref('privacy_floor') }} as privacy_floor
        inner join part_totals
            on cells.scope_id = part_totals.scope_id
        left join shown_parts
            on cells.cell_key = shown_parts.cell_key and cells.scope_id = shown_parts.scope_id
    )

    select * from in_tree
    union all
    select * from gathered
{%- endmacro %}


{#- In how many steps the groups are decided, one after the other (`cohort_step`). -#}
{% macro decision_steps() -%}
    {{ return(5) }}
{%- endmacro %}


{#- Decides `cells_of_step`, with what is `told` of them by others from the second step on. A cell is small if it is about
    few people, or a share leaves few, or if it is told. Only the scope of what lies in no scene at all may show that it
    has nobody, as of some numbers it can have no other; but not what is divided by a number that is withheld.
    `carried` are columns of the cells that the decisions get. -#}
{% macro decided_of_step(step, carried=[]) -%}
cells as (
    select
        cells_of_step.cell_key,
        cells_of_step.scope_id,
        cells_of_step.people,
        cells_of_step.others,
        {%- for column in carried %}
        cells_of_step.{{ column }},
        {%- endfor %}
        coalesce(cells_of_step.others > 0 and cells_of_step.others < privacy_floor.floor_people, false)
        or case
            when cells_of_step.is_nobody and sceneless_scope.scope_id is not null
                then {{ 'cells_of_step.is_divided and coalesce(told.is_told, false)' if step > 1 else 'false' }}
            else
                cells_of_step.people < privacy_floor.floor_people
                {%- if step > 1 %} or coalesce(told.is_told, false){% endif %}
        end as is_small
    from cells_of_step
    cross join privacy_floor
    left join {{ ref('sceneless_scope') }} as sceneless_scope
        on cells_of_step.scope_id = sceneless_scope.scope_id
    {%- if step > 1 %}
    left join told
        on cells_of_step.cell_key = told.cell_key and cells_of_step.scope_id = told.scope_id
    {%- endif %}
),
{{ kept_apart('cells') }}

decided as (
    {{ decided('cells') | indent(4) }}
)

select
    decided.*
    {%- for column in carried %},
    cells.{{ column }}
    {%- endfor %}
from decided
{%- if carried %}
inner join cells
    on decided.cell_key = cells.cell_key and decided.scope_id = cells.scope_id
{%- endif %}
{%- endmacro %}


{#- The cells of the groups of one step, and whether they are withheld. Others tell a cell if its group stands after theirs
    (`cohort_after`) and one of them is withheld there, or would be if it had a row. -#}
{% macro decision(step) -%}
with floored_cell as (
    select * from {{ ref('floored_cell') }}
),

cohort_step as (
    select * from {{ ref('cohort_step') }}
),

privacy_floor as (
    select * from {{ ref('privacy_floor') }}
),

cells_of_step as (
    select floored_cell.*
    from floored_cell
    inner join cohort_step
        on
            floored_cell.subject_type = cohort_step.subject_type
            and floored_cell.cohort_group = cohort_step.cohort_group
    where cohort_step.step = {{ step }}
),
{%- if step > 1 %}

cohort_after as (
    select * from {{ ref('cohort_after') }}
),

decided_before as (
    {% for earlier in range(1, step) -%}
    select
        floored_cell.*,
        decision.is_withheld
    from floored_cell
    inner join {{ ref('decision_' ~ earlier) }} as decision
        on floored_cell.cell_key = decision.cell_key and floored_cell.scope_id = decision.scope_id
    {%- if not loop.last %}
    union all
    {% endif -%}
    {%- endfor %}
),

-- A group of which no cell exists in a window (its export never arrived) tells nothing.
groups_before as (
    select distinct
        subject_type,
        cohort_group,
        window_days,
        is_point_in_time
    from decided_before
),

-- Each cell with the others without which it is not shown. What holds on the night stands beside every window, and the
-- others are no buckets, but for the names of sects. The places are asked for in what is compared, because DuckDB hashes
-- no join that asks something of its left side alone.
befores as (
    select
        cells.cell_key,
        cells.scope_id,
        cohort_after.place,
        coalesce(scope_parent.parent_id, homeless.scope_id, cells.scope_id) as before_scope_id,
        groups_before.subject_type,
        groups_before.cohort_group,
        groups_before.window_days,
        {{ cell_key(
            'groups_before.cohort_group', 'groups_before.subject_type', 'cells.subject_id',
            'groups_before.window_days', 'sect.sect_name'
        ) | indent(8) }} as before_key
    from cells_of_step as cells
    inner join cohort_after
        on cells.subject_type = cohort_after.subject_type and cells.cohort_group = cohort_after.cohort_group
    inner join groups_before
        on
            cohort_after.after_subject_type = groups_before.subject_type
            and cohort_after.after_group = groups_before.cohort_group
            and (
                groups_before.is_point_in_time
                or groups_before.window_days is not distinct from
                case when cohort_after.place <> 'ever' then cells.window_days end
            )
    left join {{ ref('scope_parent') }} as scope_parent
        on case when cohort_after.place = 'above' then cells.scope_id end = scope_parent.scope_id
    left join {{ ref('scope') }} as homeless
        on homeless.is_unscoped and homeless.tier = 'city' and cohort_after.place = 'homeless'
    left join {{ ref('sect') }} as sect
        on case when cohort_after.place = 'named' then cells.subject_id end = sect.sect_tag_id
),

-- Of a group with subjects, whether that of any is withheld in a scope.
of_every_subject as (
    select
        subject_type,
        cohort_group,
        window_days,
        scope_id,
        bool_or(is_withheld) as is_any_withheld
    from decided_before
    group by all
),

told as (
    select
        befores.cell_key,
        befores.scope_id,
        bool_or(
            privacy_floor.floor_people > 0
            and case
                when befores.place = 'every' then coalesce(of_every_subject.is_any_withheld, false)
                else coalesce(others.is_withheld, befores.place <> 'homeless')
            end
        ) as is_told
    from befores
    cross join privacy_floor
    left join decided_before as others
        on befores.before_key = others.cell_key and befores.before_scope_id = others.scope_id
    left join of_every_subject
        on
            case when befores.place = 'every' then befores.scope_id end = of_every_subject.scope_id
            and befores.subject_type = of_every_subject.subject_type
            and befores.cohort_group = of_every_subject.cohort_group
            and befores.window_days is not distinct from of_every_subject.window_days
    group by all
),
{%- endif %}

{{ decided_of_step(step) }}
{%- endmacro %}


{#- What a cell is about, whatever the scope: the group that decides, the subject, the window and the bucket. A scene's
    number is about its scope, whatever scope that is. -#}
{% macro cell_key(cohort_group, subject_type, subject_id, window_days, bucket) -%}
    {{ stable_id([
        cohort_group,
        subject_type,
        'case when ' ~ subject_type ~ " <> 'scene' then " ~ subject_id ~ ' end',
        window_days,
        bucket,
    ]) }}
{%- endmacro %}


{#- A number, or null where it is withheld. -#}
{% macro if_shown(is_shown, value) -%}
    case when {{ is_shown }} then {{ value }} end
{%- endmacro %}
