{#- The share of a point that a fading score still counts after so many days: half of it after each half-life. `what-if`
    reads this file, too. -#}
{% macro share_left(age_days, half_life_days) -%}
    power(0.5, {{ age_days }} / {{ half_life_days }})
{%- endmacro %}
