{%- set of_listeners = heard_numbers() + ['listeners', 'active_users'] -%}
{%- set of_everybody = scene_counts() + ['songs_in_rotation', 'active_new_count', 'members'] -%}
with numbers as (
    select * from {{ ref('scene_period') }}
),

points as (
    select
        periods.period,
        periods.starts_on,
        scene_day.scope_id,
        sum(scene_day.activity_points) as activity_points
    from {{ ref('scene_day') }} as scene_day
    {{ join_period('scene_day', 'day') }}
    group by periods.period, periods.starts_on, scene_day.scope_id
)

select
    numbers.period,
    numbers.starts_on,
    numbers.tier,
    numbers.scope_id,
    {%- for number in of_listeners %}
    {{ if_shown('listeners.scope_id is not null', 'numbers.' ~ number) }} as {{ number }},
    {%- endfor %}
    {{ if_known('follows', if_shown('followers.scope_id is not null', 'numbers.follows')) }} as follows,
    {{ if_known('follows', if_shown('followers.scope_id is not null', 'numbers.followers')) }} as followers,
    {{ if_shown('movers.scope_id is not null', 'numbers.joined') }} as joined,
    {{ if_shown('movers.scope_id is not null', 'numbers.departed') }} as departed,
    {{ if_shown('verified.scope_id is not null', 'numbers.gps_verified_members') }} as gps_verified_members,
    {%- for number in of_everybody %}
    cast(numbers.{{ number }} as bigint) as {{ number }},
    {%- endfor %}
    cast(points.activity_points as bigint) as activity_points
from numbers
inner join points
    on
        numbers.period = points.period
        and numbers.starts_on = points.starts_on
        and numbers.scope_id = points.scope_id
{{ join_trend_decision('numbers', 'listeners', 'listeners') }}
{{ join_trend_decision('numbers', 'followers', 'followers') }}
{{ join_trend_decision('numbers', 'movers', 'movers') }}
{{ join_trend_decision('numbers', 'gps_verified_members', 'verified') }}
