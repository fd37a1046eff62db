{#- Every row has a value in each of the given columns; shows the rows that lack one, and which. One test of many columns
    costs a run as much as a test of one. -#}
{% test complete(model, columns) %}
select
    concat_ws(
        ', '
        {%- for column in columns %},
        case when {{ column }} is null then '{{ column }}' end
        {%- endfor %}
    ) as lacking,
    *
from {{ model }}
where {{ columns | join(' is null or ') }} is null
{% endtest %}
