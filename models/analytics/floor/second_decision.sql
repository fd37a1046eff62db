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
        window_days,
        is_point_in_time
    from decided_first
),

-- Each cell with the others without which it is not shown. What holds on the night stands beside every window.
befores as (
    select
        cells.cell_key,
        cells.scope_id,
        cells.subject_id,
        cells.bucket,
        coalesce(scope_parent.parent_id, cells.scope_id) as before_scope_id,
        cohort_after.place,
        groups.subject_type,
        groups.cohort_group,
        groups.window_days
    from floored_cell as cells
    inner join cohort_after
        on cells.subject_type = cohort_after.subject_type and cells.cohort_group = cohort_after.cohort_group
    inner join groups
        on
            cohort_after.after_subject_type = groups.subject_type
            and cohort_after.after_group = groups.cohort_group
            and (groups.is_point_in_time or cells.window_days is not distinct from groups.window_days)
    left join {{ ref('scope_parent') }} as scope_parent
        on cells.scope_id = scope_parent.scope_id and cohort_after.place = 'above'
),

told as (
    select
        befores.cell_key,
        befores.scope_id,
        bool_or(coalesce(others.is_withheld, befores.place <> 'every')) as is_told
    from befores
    left join decided_first as others
        on
            befores.subject_type = others.subject_type
            and befores.cohort_group = others.cohort_group
            and befores.window_days is not distinct from others.window_days
            and befores.before_scope_id = others.scope_id
            and (
                befores.place = 'every'
                or others.subject_type = 'scene'
                or (
                    befores.subject_id = others.subject_id
                    and befores.bucket is not distinct from others.bucket
                )
            )
    group by all
),

later as (
    select distinct
        subject_type,
        cohort_group
    from cohort_after
),

cells as (
    select
        floored_cell.cell_key,
        floored_cell.scope_id,
        floored_cell.people,
        floored_cell.people < privacy_floor.floor_people
        or floored_cell.leaves_few
        or (coalesce(told.is_told, false) and privacy_floor.floor_people > 0) as is_small
    from floored_cell
    inner join later
        on floored_cell.subject_type = later.subject_type and floored_cell.cohort_group = later.cohort_group
    left join told
        on floored_cell.cell_key = told.cell_key and floored_cell.scope_id = told.scope_id
    cross join {{ ref('privacy_floor') }} as privacy_floor
),

decided as (
    {{ decided('cells') | indent(4) }}
)

select * from decided
