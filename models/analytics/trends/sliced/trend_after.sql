with cells as (
    select distinct
        cell_key,
        cohort_group,
        subject_id,
        period,
        starts_on,
        ends_before,
        made_of
    from {{ ref('trend_cell') }}
    {%- if adds_to_earlier() %}
    where {{ is_of_a_slice_to_make() }}
    {%- endif %}
),

weeks as (
    select * from {{ ref('period') }}
    where period = 'week'
)

-- A month less the weeks in it would tell of the week that is withheld.
select
    cells.cell_key,
    {{ trend_key('cells.cohort_group', 'cells.subject_id', 'weeks.period', 'weeks.starts_on') | indent(4) }}
        as after_key,
    cells.made_of
from cells
inner join weeks
    on cells.starts_on < weeks.ends_before and cells.ends_before > weeks.starts_on
where cells.period = 'month'
union all
-- Nor is it shown before its last week has ended: nobody knows yet whether that one will be.
select
    cells.cell_key,
    {{ week_to_come() }} as after_key,
    cells.made_of
from cells
inner join {{ ref('as_of') }} as as_of
    on {{ ends_in_a_week_to_come('cells') }}
where cells.period = 'month'
union all
-- Who listens to an artist, listens.
select
    cell_key,
    {{ trend_key("'listeners'", 'null', 'period', 'starts_on') | indent(4) }} as after_key,
    made_of
from cells
where subject_id is not null
union all
select
    cell_key,
    {{ trend_key("'cohort'", 'null', 'period', 'starts_on') | indent(4) }} as after_key,
    made_of
from cells
where period = 'joined' and cohort_group <> 'cohort'
