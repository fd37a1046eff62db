with cohort_after as (
    select * from {{ ref('cohort_after') }}
),

cells as (
    select distinct
        subject_type,
        cohort_group
    from {{ ref('floored_cell') }}
),

steps_1 as (
    select
        cells.*,
        1 as step
    from cells
)
{%- for step in range(2, decision_steps() + 1) %},

-- A group is decided a step after the last of those it stands after.
steps_{{ step }} as (
    select
        cells.subject_type,
        cells.cohort_group,
        coalesce(max(before.step) + 1, 1) as step
    from cells
    left join cohort_after
        on cells.subject_type = cohort_after.subject_type and cells.cohort_group = cohort_after.cohort_group
    left join steps_{{ step - 1 }} as before
        on
            cohort_after.after_subject_type = before.subject_type
            and cohort_after.after_group = before.cohort_group
    group by all
)
{%- endfor %}

select * from steps_{{ decision_steps() }}
