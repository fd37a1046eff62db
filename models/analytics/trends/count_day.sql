{#- Acts and events of scenes by day. What counts once, however often it happens, counts on the first day. -#}

with counted as (
    select
        scene_id,
        happened_at,
        user_id,
        counted_id,
        case metric when 'ended_events' then 'events_hosted' else metric end as metric
    from {{ ref('countable') }}
),

things as (
    select counted.*
    from counted
    inner join {{ ref('as_of') }} as as_of
        on counted.happened_at < as_of.as_of
    where
        counted.metric in (
            {%- for metric in scene_counts() + ['follows'] %}
            '{{ metric }}'{% if not loop.last %},{% endif %}
            {%- endfor %}
        )
),

first_happened as (
    select
        metric,
        scene_id,
        counted_id,
        min(user_id) as user_id,
        cast(min(happened_at) as date) as happened_on
    from things
    group by all
)

select
    happened_on,
    metric,
    scene_id,
    user_id,
    count(*) as things
from first_happened
group by all
