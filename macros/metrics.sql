{#- One row per metric from a relation with one column per metric; nothing where a value is not defined. -#}
{% macro unpivoted(relation, metrics, subject_type='scene', subject_id='scope_id') -%}
    {% for metric in metrics %}
    {%- if not loop.first %}
    union all
    {% endif -%}
    select
        tier,
        scope_id,
        window_days,
        '{{ subject_type }}' as subject_type,
        {{ subject_id }} as subject_id,
        '{{ metric.name }}' as metric,
        {%- if metric.denominator is defined %}
        cast({{ metric.numerator }} as double) / {{ metric.denominator }} as value,
        cast({{ metric.numerator }} as bigint) as numerator,
        cast({{ metric.denominator }} as bigint) as denominator,
        {%- else %}
        cast({{ metric.column or metric.name }} as double) as value,
        cast(null as bigint) as numerator,
        cast(null as bigint) as denominator,
        {%- endif %}
        cast({{ metric.cohort or 'null' }} as bigint) as cohort_size
    from {{ relation }}
    {%- if metric.denominator is defined %}
    where {{ metric.denominator }} > 0
    {%- endif %}
    {%- endfor %}
{%- endmacro %}


{#- Every scope and window, so that a quiet scene shows zeros. -#}
{% macro scope_windows() -%}
    select
        scope.tier,
        scope.scope_id,
        windows.window_days,
        windows.starts_at,
        windows.as_of
    from {{ ref('scope') }} as scope
    cross join {{ ref('summary_window') }} as windows
{%- endmacro %}
