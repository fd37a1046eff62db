{#- What a fading score counts of a point of so many days' age: half of it after each half-life. `what-if` reads this
    file, too. -#}
{% macro share_left(age_days, half_life_days) -%}
    power(0.5, {{ age_days }} / {{ half_life_days }})
{%- endmacro %}
