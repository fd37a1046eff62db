{#- What a cap leaves of an amount: the part of it that lies under the cap when the amounts of its group are laid end
    to end, in the order acts happened (ties by id). -#}
{% macro what_is_left(cap, amount, of_each) -%}
    {%- set so_far -%}
        sum({{ amount }}) over (
            partition by {{ of_each }}
            order by occurred_at, source_id
            rows between unbounded preceding and current row
        )
    {%- endset -%}
    least({{ cap }}, {{ so_far }}) - least({{ cap }}, {{ so_far }} - {{ amount }})
{%- endmacro %}
