{#- Whether a text holds what dbt_project.yml lists as personal for texts of that kind (name, text). -#}
{% macro looks_personal(text, kind) -%}
    {%- set patterns = var('personal') | selectattr('applies_to', 'equalto', kind) | map(attribute='pattern') -%}
    regexp_matches(lower({{ text }}), '{{ patterns | join('|') }}')
{%- endmacro %}
