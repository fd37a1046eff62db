{#- What law 8 takes for personal: names of columns, and texts. -#}
{% macro looks_personal_as_name(name) -%}
    regexp_matches(
        lower({{ name }}),
        'e_?mail|password|token|latitude|longitude|geofence|user_?name|display_?name|bio|avatar|payload|instrument'
    )
{%- endmacro %}

{#- An e-mail, or a password hash. -#}
{% macro looks_personal_as_text(text) -%}
    regexp_matches(lower({{ text }}), '[^@ ]+@[^@ ]+[.][a-z]{2,}|[$]2[aby][$]')
{%- endmacro %}
