{% for step in range(1, trend_steps() + 1) -%}
select
    cell_key,
    scope_id
from {{ ref('trend_decision_' ~ step) }}
where not is_withheld
{%- if not loop.last %}
union all
{% endif -%}
{%- endfor %}
