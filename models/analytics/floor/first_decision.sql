with cells as (
    select
        floored_cell.cell_key,
        floored_cell.scope_id,
        floored_cell.people,
        floored_cell.people < privacy_floor.floor_people or floored_cell.leaves_few as is_small
    from {{ ref('floored_cell') }} as floored_cell
    left join (select distinct subject_type, cohort_group from {{ ref('cohort_after') }}) as later
        on floored_cell.subject_type = later.subject_type and floored_cell.cohort_group = later.cohort_group
    cross join {{ ref('privacy_floor') }} as privacy_floor
    where later.cohort_group is null
),

decided as (
    {{ decided('cells') | indent(4) }}
)

select * from decided
