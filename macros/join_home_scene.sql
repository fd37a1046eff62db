{#- Joins a relation's member to their home scene on the day a thing happened. -#}
{% macro join_home_scene(facts, user_id, day) -%}
    left join {{ ref('home_scene') }} as home_scene
        on
            {{ facts }}.{{ user_id }} = home_scene.user_id
            and {{ day }} >= home_scene.valid_from
            and {{ day }} < home_scene.valid_to
{%- endmacro %}
