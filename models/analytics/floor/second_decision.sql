{#- A cell of a group that stands after others is withheld where one of theirs is, or would be if it had a row. -#}

with floored_cell as (
    select * from {{ ref('floored_cell') }}
),

cohort_after as (
    select * from {{ ref('cohort_after') }}
),

first_decision as (
    select * from {{ ref('first_decision') }}
),

decided_first as (
    select
        floored_cell.*,
        first_decision.is_withheld
    from floored_cell
    inner join first_decision
        on floored_cell.cell_key = first_decision.cell_key and floored_cell.scope_id = first_decision.scope_id
),

-- A group of which no cell exists in a window (its export never arrived) tells nothing.
groups as (
    select distinct
        subject_type,
        cohort_group,
        window_days
    from decided_first
),

told as (
    select
        cells.cell_key,
        cells.scope_id,
        bool_or(
            case
                when cohort_after.place = 'every' then in_scope.withheld_cells > 0
                else coalesce(others.is_withheld, true)
            end
        ) as is_told
    from floored_cell as cells
    inner join cohort_after
        on cells.subject_type = cohort_after.subject_type and cells.cohort_group = cohort_after.cohort_group
    inner join groups
        on
            cohort_after.after_subject_type = groups.subject_type
            and cohort_after.after_group = groups.cohort_group
            and cells.window_days is not distinct from groups.window_days
    left join {{ ref('scope_parent') }} as scope_parent
        on cells.scope_id = scope_parent.scope_id and cohort_after.place = 'above'
    left join decided_first as others
        on
            cohort_after.place <> 'every'
            and groups.subject_type = others.subject_type
            and groups.cohort_group = others.cohort_group
            and cells.window_days is not distinct from others.window_days
            and coalesce(scope_parent.parent_id, cells.scope_id) = others.scope_id
            and (others.subject_type = 'scene' or cells.subject_id = others.subject_id)
            and (others.subject_type = 'scene' or cells.bucket is not distinct from others.bucket)
    left join (
        select
            subject_type,
            cohort_group,
            window_days,
            scope_id,
            count(*) filter (where is_withheld) as withheld_cells
        from decided_first
        group by all
    ) as in_scope
        on
            groups.subject_type = in_scope.subject_type
            and groups.cohort_group = in_scope.cohort_group
            and cells.window_days is not distinct from in_scope.window_days
            and cells.scope_id = in_scope.scope_id
    group by all
),

cells as (
    select
        told.cell_key,
        told.scope_id,
        floored_cell.people,
        floored_cell.people < privacy_floor.floor_people
        or floored_cell.leaves_few
        or (told.is_told and privacy_floor.floor_people > 0) as is_small
    from told
    inner join floored_cell
        on told.cell_key = floored_cell.cell_key and told.scope_id = floored_cell.scope_id
    cross join {{ ref('privacy_floor') }} as privacy_floor
),

decided as (
    {{ decided('cells') | indent(4) }}
)

select * from decided
