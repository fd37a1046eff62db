with as_of as (
    select * from {{ ref('as_of') }}
)

select
    lengths.window_days,
    as_of.as_of,
    case
        when lengths.window_days is null then timestamp '0001-01-01'
        else {{ days_before('as_of.as_of', 'lengths.window_days') }}
    end as starts_at,
    {{ days_before('as_of.as_of', '2 * lengths.window_days') }} as starts_before
from as_of
cross join (
    values
    {%- for days in var('windows') %}
    ({{ days }}),
    {%- endfor %}
    (null)
) as lengths (window_days)
