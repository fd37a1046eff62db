{#- A number, or null as long as an export that its metric needs has never arrived. -#}
{% macro if_known(metric, value) -%}
    case
        when (select count(*) from {{ ref('known_metric') }} as known where known.metric = '{{ metric }}') > 0
            then {{ value }}
    end
{%- endmacro %}


{#- One row per metric from a relation with one column per metric; no row if a value is not defined. -#}
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
        {{ metric.bucket or 'cast(null as string)' }} as bucket,
        {%- if metric.denominator is defined %}
        cast({{ metric.numerator }} as double) / {{ metric.denominator }} as value,
        {{ whole(metric.numerator) }} as numerator,
        {{ whole(metric.denominator) }} as denominator,
        {%- else %}
        cast({{ metric.column or metric.name }} as double) as value,
        cast(null as bigint) as numerator,
        cast(null as bigint) as denominator,
        {%- endif %}
        cast({{ metric.coverage or 'null' }} as double) as coverage,
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
        windows.starts_before,
        windows.as_of
    from {{ ref('scope') }} as scope
    cross join {{ ref('summary_window') }} as windows
{%- endmacro %}


{#- Whether a metric's line in the registry names a tier and a window; what is so on the night has the window null. -#}
{% macro is_asked_for(registry, tier, window_days) -%}
    concat(';', {{ registry }}.tiers, ';') like concat('%;', {{ tier }}, ';%')
    and (
        ({{ registry }}.is_point_in_time and {{ window_days }} is null)
        or concat(';', {{ registry }}.windows, ';')
        like concat('%;', coalesce(cast({{ window_days }} as string), 'all'), ';%')
    )
{%- endmacro %}


{#- The instants at which the windows and the windows before them start, in one row. -#}
{% macro window_starts() -%}
    select
        {%- for days in var('windows') %}
        max(case when window_days = {{ days }} then starts_at end) as starts_{{ days }},
        max(case when window_days = {{ days }} then starts_before end) as before_{{ days }}
        {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from {{ ref('summary_window') }}
{%- endmacro %}


{#- A column for each window: whether an instant lies in it, of what has happened by as-of (with `window_starts`). -#}
{% macro in_windows(name, instant) -%}
    {% for days in var('windows') -%}
    {{ instant }} >= window_starts.starts_{{ days }} as {{ name }}_{{ days }},
    {% endfor -%}
    true as {{ name }}_all
{%- endmacro %}


{#- The same for the window before each; before all time there is none. -#}
{% macro in_windows_before(name, instant) -%}
    {% for days in var('windows') -%}
    {{ instant }} >= window_starts.before_{{ days }} and {{ instant }} < window_starts.starts_{{ days }} as {{ name }}_{{ days }},
    {% endfor -%}
    false as {{ name }}_all
{%- endmacro %}


{#- The names of such columns. -#}
{% macro of_windows(name) -%}
    {%- set names = [] -%}
    {%- for days in var('windows') + ['all'] -%}
        {%- do names.append(name ~ '_' ~ days) -%}
    {%- endfor -%}
    {{ return(names) }}
{%- endmacro %}


{#- The one of these columns that belongs to a window. -#}
{% macro of_window(name, window_days) -%}
    case {{ window_days }}
        {%- for days in var('windows') %} when {{ days }} then {{ name }}_{{ days }}{% endfor %} else {{ name }}_all
    end
{%- endmacro %}
