{#- The points that a cap leaves to each claim. The claims of a group fill the cap one after the other, in the order
    their acts happened (ties by tie_order), and each gets the part that still fits. Each claim is measured by the cap
    of its own time. A claim without a cap gets all it claims, and still takes up room before later ones. If all claims
    of a group fit under its lowest cap, as in most groups, the group has no row here: its claims keep what they claim.
    No amount is negative. -#}
{% macro capped_points(claims, cap, amount, per) -%}
    {%- set group = per | join(', ') -%}
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
    ) as over_cap
        using ({{ group }})
{%- endmacro %}
