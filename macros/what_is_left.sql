{#- What a cap leaves of the claims it is about: of each the part that lies under the cap when the claims of its group
    are laid end to end, in the order acts happened (ties by id). A group that stays under its cap is left out: its
    claims keep what they claim, and most groups do. -#}
{% macro what_is_left(claims, cap, amount, of_each) -%}
    {%- set group = of_each | join(', ') -%}
    {%- set so_far -%}
        sum({{ amount }}) over (
            partition by {{ group }}
            order by occurred_at, source_id
            rows between unbounded preceding and current row
        )
    {%- endset -%}
    select
        act_id,
        least({{ cap }}, {{ so_far }}) - least({{ cap }}, {{ so_far }} - {{ amount }}) as points
    from {{ claims }}
    inner join (
        select {{ group }}
        from {{ claims }}
        group by {{ group }}
        having sum(greatest({{ amount }}, 0)) > min({{ cap }})
    ) as crowded
        using ({{ group }})
{%- endmacro %}
