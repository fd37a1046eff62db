{#- What a cap lets each claim have. The claims of a group fill the cap one after the other, in the order their acts
    happened (ties by tie_order), and each gets the part that still fits. A claim is measured by the cap of its own time;
    one without a cap gets all it claims, and takes up room before later ones. A group whose claims all fit under its
    lowest cap has no row here: its claims keep what they claim. Most groups do. No amount is negative. -#}
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
