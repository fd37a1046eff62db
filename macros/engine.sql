{#- One macro for each thing that two engines write differently. Every other line of SQL works on both. `default__` is
    DuckDB's, `spark__` Spark's. -#}

{#- The type of an id. Spark has none: there, an id is the text that DuckDB would show. -#}
{% macro id_type() -%}
    {{ return(adapter.dispatch('id_type')()) }}
{%- endmacro %}

{% macro default__id_type() -%}
    uuid
{%- endmacro %}

{% macro spark__id_type() -%}
    string
{%- endmacro %}

{#- A text value inside a JSON document. -#}
{% macro json_text(column, key) -%}
    {{ return(adapter.dispatch('json_text')(column, key)) }}
{%- endmacro %}

{% macro default__json_text(column, key) -%}
    json_extract_string({{ column }}, '$.{{ key }}')
{%- endmacro %}

{% macro spark__json_text(column, key) -%}
    get_json_object({{ column }}, '$.{{ key }}')
{%- endmacro %}

{#- One row per element of a JSON array of texts: for use after a relation in `from`. -#}
{% macro json_elements(column, alias) -%}
    {{ return(adapter.dispatch('json_elements')(column, alias)) }}
{%- endmacro %}

{% macro default__json_elements(column, alias) -%}
    cross join unnest(json_extract_string({{ column }}, '$[*]')) as elements ({{ alias }})
{%- endmacro %}

{% macro spark__json_elements(column, alias) -%}
    lateral view explode(from_json({{ column }}, 'array<string>')) elements as {{ alias }}
{%- endmacro %}

{#- A stable id from the given expressions. -#}
{% macro stable_id(expressions) -%}
    {{ return(adapter.dispatch('stable_id')(expressions)) }}
{%- endmacro %}

{% macro default__stable_id(expressions) -%}
    md5({{ in_one_text(expressions) }})::uuid
{%- endmacro %}

{% macro spark__stable_id(expressions) -%}
    {{ spark__id_of_digits('md5(' ~ in_one_text(expressions) ~ ')') }}
{%- endmacro %}

{% macro in_one_text(expressions) -%}
    concat_ws('|'{% for expression in expressions %}, coalesce(cast({{ expression }} as string), ''){% endfor %})
{%- endmacro %}

{#- 32 hexadecimal digits as the text of an id. -#}
{% macro spark__id_of_digits(digits) -%}
    lower(regexp_replace({{ digits }}, '^(.{8})(.{4})(.{4})(.{4})(.{12})$', '$1-$2-$3-$4-$5'))
{%- endmacro %}

{#- A text as an id; null if the text is no id. -#}
{% macro id_or_null(text) -%}
    {{ return(adapter.dispatch('id_or_null')(text)) }}
{%- endmacro %}

{% macro default__id_or_null(text) -%}
    try_cast({{ text }} as uuid)
{%- endmacro %}

{#- DuckDB overlooks hyphens and braces, too. -#}
{% macro spark__id_or_null(text) -%}
    {%- set digits = "regexp_replace(" ~ text ~ ", '[{}-]', '')" -%}
    case when {{ digits }} rlike '^[0-9A-Fa-f]{32}$' then {{ spark__id_of_digits(digits) }} end
{%- endmacro %}

{#- Whether a text has a part that a regular expression describes. -#}
{% macro matches(text, pattern) -%}
    {{ return(adapter.dispatch('matches')(text, pattern)) }}
{%- endmacro %}

{% macro default__matches(text, pattern) -%}
    regexp_matches({{ text }}, '{{ pattern }}')
{%- endmacro %}

{% macro spark__matches(text, pattern) -%}
    regexp_like({{ text }}, '{{ pattern }}')
{%- endmacro %}

{#- One row per day from the first to the last, both included. -#}
{% macro days_between(first_day, last_day, alias) -%}
    {{ return(adapter.dispatch('days_between')(first_day, last_day, alias)) }}
{%- endmacro %}

{% macro default__days_between(first_day, last_day, alias) -%}
    select cast(day as date) as {{ alias }}
    from unnest(range(cast({{ first_day }} as timestamp), cast({{ last_day }} as timestamp) + interval 1 day, interval 1 day)) as days (day)
{%- endmacro %}

{#- A sequence that ends before it begins would count down. -#}
{% macro spark__days_between(first_day, last_day, alias) -%}
    select explode(sequence(first_day, last_day, interval 1 day)) as {{ alias }}
    from (select cast({{ first_day }} as date) as first_day, cast({{ last_day }} as date) as last_day) as span
    where first_day <= last_day
{%- endmacro %}

{#- An instant a number of days before another; days are 24 hours. -#}
{% macro days_before(instant, days) -%}
    {{ instant }} - {{ days }} * interval 24 hour
{%- endmacro %}

{#- Texts of a group in one line, in order. -#}
{% macro text_list(text) -%}
    {{ return(adapter.dispatch('text_list')(text)) }}
{%- endmacro %}

{% macro default__text_list(text) -%}
    string_agg({{ text }}, ', ' order by {{ text }})
{%- endmacro %}

{% macro spark__text_list(text) -%}
    listagg({{ text }}, ', ') within group (order by {{ text }})
{%- endmacro %}

{#- The last millisecond of a day. -#}
{% macro end_of_day(day) -%}
    cast({{ day }} as timestamp) + interval 24 hour - interval 1 millisecond
{%- endmacro %}

{#- Whole days from one day to another. -#}
{% macro days_apart(earlier, later) -%}
    {{ return(adapter.dispatch('days_apart')(earlier, later)) }}
{%- endmacro %}

{% macro default__days_apart(earlier, later) -%}
    date_diff('day', {{ earlier }}, {{ later }})
{%- endmacro %}

{% macro spark__days_apart(earlier, later) -%}
    cast(datediff({{ later }}, {{ earlier }}) as bigint)
{%- endmacro %}

{#- Whole milliseconds from one instant to another. -#}
{% macro milliseconds_apart(earlier, later) -%}
    {{ return(adapter.dispatch('milliseconds_apart')(earlier, later)) }}
{%- endmacro %}

{% macro default__milliseconds_apart(earlier, later) -%}
    date_sub('millisecond', {{ earlier }}, {{ later }})
{%- endmacro %}

{% macro spark__milliseconds_apart(earlier, later) -%}
    timestampdiff(millisecond, {{ earlier }}, {{ later }})
{%- endmacro %}

{#- A number as a whole number, the nearest; the even one of two that are equally near. -#}
{% macro whole(number) -%}
    {{ return(adapter.dispatch('whole')(number)) }}
{%- endmacro %}

{% macro default__whole(number) -%}
    cast({{ number }} as bigint)
{%- endmacro %}

{#- The cast would cut off what follows the point. -#}
{% macro spark__whole(number) -%}
    cast(rint({{ number }}) as bigint)
{%- endmacro %}

{#- After a step of a model that is read often: on Spark, which computes a step anew wherever it is read, it becomes a
    table (`spark_table`). DuckDB computes it once by itself. The steps after it may read no step before it. -#}
{% macro kept_apart(step) -%}
    {{ return(adapter.dispatch('kept_apart')(step)) }}
{%- endmacro %}

{% macro default__kept_apart(step) -%}
{%- endmacro %}

{% macro spark__kept_apart(step) -%}
    /* kept apart: {{ step }} */
{%- endmacro %}

{#- Whether an incremental model is added to. On Spark every build is whole. -#}
{% macro adds_to_earlier() -%}
    {{ return(adapter.dispatch('adds_to_earlier')()) }}
{%- endmacro %}

{% macro default__adds_to_earlier() -%}
    {{ return(is_incremental()) }}
{%- endmacro %}

{% macro spark__adds_to_earlier() -%}
    {{ return(false) }}
{%- endmacro %}

{#- A number that stands for the rows of a group, in whatever order: of other rows it is another. -#}
{% macro content(columns) -%}
    {{ return(adapter.dispatch('content')(columns)) }}
{%- endmacro %}

{% macro default__content(columns) -%}
    sum(hash({{ columns | join(', ') }}))
{%- endmacro %}

{% macro spark__content(columns) -%}
    sum(cast(xxhash64({{ columns | join(', ') }}) as decimal(38, 0)))
{%- endmacro %}
