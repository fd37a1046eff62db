{#- Rows that are not the only one of their key, for each model of `keys`; nulls count as equal. One test of many models
    costs a run little more than a test of one. -#}
{% macro repeated_keys(keys) -%}
{%- for model, columns in keys.items() %}
select
    '{{ model }}' as model,
    concat_ws(', '{% for column in columns %}, cast({{ column }} as string){% endfor %}) as key,
    count(*) as occurrences
from {{ ref(model) }}
group by {{ columns | join(', ') }}
having count(*) > 1
{%- if not loop.last %}

union all
{% endif %}
{%- endfor %}
{%- endmacro %}
