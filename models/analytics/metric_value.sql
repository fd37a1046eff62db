{%- set domains = [
    'counts', 'ratios', 'listening', 'people', 'activity_points',
    'audience', 'awareness', 'artist_events', 'badges',
] -%}

with metrics as (
    {% for domain in domains %}
    {%- if not loop.first %}
    union all
    {% endif -%}
    select * from {{ ref(domain) }}
    {%- endfor %}
),

registry as (
    select
        *,
        windows = 'point_in_time' as is_point_in_time
    from {{ ref('metric') }}
),

delivered as (
    select distinct table_name from {{ ref('delivery') }}
    where status = 'accepted'
),

-- The metrics all of whose exports have arrived, each at least once.
known as (
    select registry.metric
    from registry
    left join delivered
        on concat(';', registry.needs, ';') like concat('%;', delivered.table_name, ';%')
    group by registry.metric, registry.needs
    having
        registry.needs is null
        or count(delivered.table_name) = 1 + length(registry.needs) - length(replace(registry.needs, ';', ''))
)

select
    metrics.*,
    registry.is_point_in_time
from metrics
inner join known
    on metrics.metric = known.metric
-- A metric has the windows and the tiers that its line in the registry names.
inner join registry
    on
        metrics.metric = registry.metric
        and concat(';', registry.tiers, ';') like concat('%;', metrics.tier, ';%')
        and (
            (registry.is_point_in_time and metrics.window_days is null)
            or concat(';', registry.windows, ';')
            like concat('%;', coalesce(cast(metrics.window_days as varchar), 'all'), ';%')
        )
