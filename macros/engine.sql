{#- One macro for each thing that two engines write differently. Every other line of SQL works on both. -#}

{#- A text value inside a JSON document. -#}
{% macro json_text(column, key) -%}
    json_extract_string({{ column }}, '$.{{ key }}')
{%- endmacro %}

{#- One row per element of a JSON array of texts: for use after a relation in `from`. -#}
{% macro json_elements(column, alias) -%}
    cross join unnest(json_extract_string({{ column }}, '$[*]')) as elements ({{ alias }})
{%- endmacro %}

{#- A stable id from the given expressions. -#}
{% macro stable_id(expressions) -%}
    md5(concat_ws('|'{% for expression in expressions %}, coalesce(cast({{ expression }} as varchar), ''){% endfor %}))::uuid
{%- endmacro %}

{#- A text as an id; null if the text is no id. -#}
{% macro id_or_null(text) -%}
    try_cast({{ text }} as uuid)
{%- endmacro %}

{#- One row per day from the first to the last, both included. -#}
{% macro days_between(first_day, last_day, alias) -%}
    select cast(day as date) as {{ alias }}
    from unnest(range(cast({{ first_day }} as timestamp), cast({{ last_day }} as timestamp) + interval 1 day, interval 1 day)) as days (day)
{%- endmacro %}

{#- An instant a number of days before another; days are 24 hours. -#}
{% macro days_before(instant, days) -%}
    {{ instant }} - {{ days }} * interval 24 hour
{%- endmacro %}

{#- Texts of a group in one line, in order. -#}
{% macro text_list(text) -%}
    string_agg({{ text }}, ', ' order by {{ text }})
{%- endmacro %}

{#- The last millisecond of a day. -#}
{% macro end_of_day(day) -%}
    cast({{ day }} as timestamp) + interval 24 hour - interval 1 millisecond
{%- endmacro %}

{#- Whole days from one day to another. -#}
{% macro days_apart(earlier, later) -%}
    date_diff('day', {{ earlier }}, {{ later }})
{%- endmacro %}

{#- Whole milliseconds from one instant to another. -#}
{% macro milliseconds_apart(earlier, later) -%}
    date_sub('millisecond', {{ earlier }}, {{ later }})
{%- endmacro %}
