with things as (
    select * from {{ ref('count_day') }}
),

scope as (
    select * from {{ ref('scope') }}
),

history as (
    select * from {{ ref('history') }}
),

scoped_things as (
    {{ scoped('things') | indent(4) }}
),

counted as (
    select
        scope_id,
        happened_on as day,
        {%- for metric in scene_counts() %}
        sum(things) filter (where metric = '{{ metric }}') as {{ metric }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    from scoped_things
    group by all
),

days as (
    {{ days_between(
        '(select first_day from history)', '(select as_of_date from history)', 'day'
    ) | indent(4) }}
)

select
    scope.tier,
    scope.scope_id,
    days.day,
    {%- for metric in scene_counts() %}
    {{ if_known(metric, 'cast(coalesce(counted.' ~ metric ~ ', 0) as bigint)') }} as {{ metric }}
    {%- if not loop.last %},{% endif %}
    {%- endfor %}
from scope
cross join days
left join counted
    on scope.scope_id = counted.scope_id and days.day = counted.day
