{#- Whether a text holds what dbt_project.yml lists as personal for texts of that kind (name, text). -#}
{% macro looks_personal(text, kind) -%}
    {%- set patterns = var('personal') | selectattr('applies_to', 'equalto', kind) | map(attribute='pattern') -%}
    {{ matches('lower(' ~ text ~ ')', patterns | join('|')) }}
{%- endmacro %}


{#- Whether a column has a name that dbt_project.yml lists as personal, and is not listed there as an exception. -#}
{% macro is_named_personal(table, column) -%}
    {{ looks_personal(column, 'name') }}
    {%- for entry in var('not_personal') %}
    and not ({{ column }} = '{{ entry.column }}' and {{ table }} in ('{{ entry.tables | join("', '") }}'))
    {%- endfor %}
{%- endmacro %}


{#- The text columns in the contract of a published table, as a list; empty while dbt only parses. -#}
{% macro texts_of(table) -%}
    {%- set texts = [] -%}
    {%- for node in (graph.nodes.values() if execute else []) if node.name == table and node.resource_type in ['model', 'seed'] -%}
        {%- for column in node.columns.values() -%}
            {%- if 'varchar' in [column.data_type, (node.config.column_types or {}).get(column.name)] -%}
                {%- do texts.append(column.name) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(texts) }}
{%- endmacro %}
