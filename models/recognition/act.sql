{%- set arms = [
    'blast', 'blast_response', 'support', 'attendance', 'project', 'proof_of_support', 'pioneering', 'adjustment'
] -%}

with acts as (
    {% for arm in arms %}
    {%- if not loop.first %}
    union all
    {% endif -%}
    select * from {{ ref(arm) }}
    {%- endfor %}
),

as_of as (
    select * from {{ ref('as_of') }}
)

select
    {{ stable_id(['acts.rule_id', 'acts.source_table', 'acts.source_id', 'acts.user_id']) }} as act_id,
    acts.*,
    cast(acts.occurred_at as date) as occurred_on
from acts
inner join as_of
    on acts.occurred_at < as_of.as_of
