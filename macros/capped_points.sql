{#- What a cap leaves of the claims it is about: of each the part that lies under the cap when the claims of its group
    are laid end to end, in the order acts happened (ties by tie_order). Each claim has the cap of its own time; where it
    has none, it is paid whole and counts for those after it. A group that stays under its lowest cap is left out: its
    claims keep what they claim, and most groups do. No amount is negative. -#}
{% macro capped_points(claims, cap, amount, of_each) -%}
    {%- set group = of_each | join(', ') -%}
    {%- set so_far -%}
        sum({{ amount }}) over (
            partition by {{ group }}
            order by occurred_at, tie_order
            rows between unbounded preceding and current row
        )
    {%- endset -%}
    select
        act_id,
        case
            when {{ cap }} is null then {{ amount }}
            else least({{ cap }}, {{ so_far }}) - least({{ cap }}, {{ so_far }} - {{ amount }})
        end as points
    from {{ claims }}
    inner join (
        select {{ group }}
        from {{ claims }}
        group by {{ group }}
        having sum({{ amount }}) > min({{ cap }})
    ) as crowded
        using ({{ group }})
{%- endmacro %}
