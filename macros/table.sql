{#- What is built is built in its place. dbt's own ways build it beside an old one and rename both, so that others can
    read meanwhile; the database that we build in has no readers, and a build that fails is thrown away. For the same
    reason no statement needs a transaction around it (profiles.yml). That saves a tenth of a small night. -#}
{% materialization table, adapter='duckdb' %}
    {%- set target = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {%- call statement('main') -%}
        {{ create_table_as(false, target, compiled_code) }}
    {%- endcall -%}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}

{% materialization view, adapter='duckdb' %}
    {%- set target = this.incorporate(type='view') -%}
    {{ run_hooks(pre_hooks) }}
    {%- call statement('main') -%}
        {{ create_view_as(target, compiled_code) }}
    {%- endcall -%}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}

{% macro before_a_build() -%}
    {%- if execute and flags.WHICH in ('build', 'run') -%}
        {{ return(adapter.dispatch('before_a_build')()) }}
    {%- endif -%}
{%- endmacro %}

{#- Drop what the build makes anew, all at once: tables, views, and the failures that tests stored. DuckDB uses their room
    again after the checkpoint; dropped one by one they would double the file. -#}
{% macro default__before_a_build() %}
    {%- set kinds = {'table': 'table', 'test': 'table', 'view': 'view'} -%}
    {%- for node in graph.nodes.values() -%}
        {%- if node.unique_id in selected_resources and node.config.materialized in kinds %}
            {%- set kind = kinds[node.config.materialized] -%}
            {%- set earlier = api.Relation.create(node.database, node.schema, node.alias, type=kind) -%}
            {%- do adapter.cache_dropped(earlier) %}
    drop {{ kind }} if exists {{ earlier }};
        {%- endif -%}
    {%- endfor %}
    checkpoint
{% endmacro %}

{#- Name the files of raw as sources: a table that reads them where they lie, and a view in which an id is a text. Spark
    cannot tell itself what lies there, because it knows no Parquet UUID; `raw` says it. -#}
{% macro spark__before_a_build() %}
    {%- do run_query('create schema raw') -%}
    {%- for name, source in var('raw').items() -%}
        {%- call statement() -%}
            create table raw.{{ name }}_files (
                {%- for column, type in source.columns.items() %}
                {{ column }} {{ 'binary' if type == 'uuid' else spark_type(type) }}{{ ',' if not loop.last }}
                {%- endfor %}
            )
            using parquet
            options (path {{ spark_text(source.path) }}, recursiveFileLookup true, pathGlobFilter '{{ source.file }}')
        {%- endcall -%}
        {%- call statement() -%}
            create view raw.{{ name }} as
            select
                {%- for column, type in source.columns.items() %}
                {{ spark__id_of_digits('hex(' ~ column ~ ')') if type == 'uuid' else column }} as {{ column }}{{ ',' if not loop.last }}
                {%- endfor %}
            from raw.{{ name }}_files
        {%- endcall -%}
    {%- endfor -%}
{% endmacro %}

{#- On Spark every build is whole, in a catalog that was empty when it began. -#}
{% materialization table, adapter='spark' %}
    {{ return(spark_table()) }}
{% endmaterialization %}

{% materialization incremental, adapter='spark' %}
    {{ return(spark_table()) }}
{% endmaterialization %}

{% macro spark_table() %}
    {%- set target = this.incorporate(type='table') -%}
    {%- set before, mark, after = compiled_code.partition('/* kept apart: ') -%}
    {%- set step, _, after = after.partition(' */') -%}
    {%- if mark -%}
        {%- set kept = this ~ '__' ~ step -%}
        {%- call statement() -%}
            create table {{ kept }} using parquet as {{ before.rstrip().rstrip(',') }} select * from {{ step }}
        {%- endcall -%}
    {%- endif -%}
    {{ run_hooks(pre_hooks) }}
    {%- call statement('main') -%}
        {{ create_table_as(
            false, target, 'with ' ~ step ~ ' as (select * from ' ~ kept ~ '), ' ~ after if mark else compiled_code
        ) }}
    {%- endcall -%}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target]}) }}
{% endmacro %}

{#- A contract names DuckDB's types. Spark has other names for some of them. -#}
{% macro spark_type(data_type) -%}
    {{ return({'uuid': 'string', 'varchar': 'string', 'json': 'string'}.get(data_type, data_type)) }}
{%- endmacro %}

{% macro spark__get_empty_schema_sql(columns) %}
    select
    {%- for column in columns.values() %}
        cast(null as {{ spark_type(column.data_type) }}) as {{ column.name }}{{ ',' if not loop.last }}
    {%- endfor %}
{% endmacro %}

{#- dbt-spark's own puts quotation marks around a text and overlooks those in it. -#}
{% macro spark__create_csv_table(model, agate_table) %}
    {%- call statement() -%}
        create table {{ this }} (
            {%- for column in agate_table.column_names %}
            {{ column }} {{ spark_type(model.config.column_types.get(column, 'varchar')) }}{{ ',' if not loop.last }}
            {%- endfor %}
        ) using parquet
    {%- endcall -%}
{% endmacro %}

{% macro spark__load_csv_rows(model, agate_table) %}
    {%- set rows -%}
        insert into {{ this }} values
        {%- for row in agate_table.rows %}
        (
            {%- for value in row %}
            {%- set type = spark_type(model.config.column_types.get(agate_table.column_names[loop.index0], 'varchar')) -%}
            {%- if value is none %}null{% else %}cast({{ spark_text(value) }} as {{ type }}){% endif %}{{ ', ' if not loop.last }}
            {%- endfor -%}
        ){{ ',' if not loop.last }}
        {%- endfor %}
    {%- endset -%}
    {%- do adapter.add_query(rows, abridge_sql_log=true) -%}
    {{ return(rows) }}
{% endmacro %}

{% macro spark_text(value) -%}
    {{ return("'" ~ (value | string | replace("\\", "\\\\") | replace("'", "\\'")) ~ "'") }}
{%- endmacro %}
