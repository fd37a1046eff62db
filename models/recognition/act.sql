{%- set activity_types = [
    'blast',
    'support',
    'attendance',
    'project',
    'proof_of_support',
    'pioneering',
] -%}

with acts as (
    {% for activity_type in activity_types %}
    {%- if not loop.first %}
    union all
    {% endif -%}
    select
        '{{ activity_type }}' as activity_type,
        acts_of_type.*
    from {{ ref(activity_type) }} as acts_of_type
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
