with registry as (
    select * from {{ ref('metric') }}
    where computed_by is not null
),

delivered as (
    select distinct table_name from {{ ref('delivery') }}
    where status = 'accepted'
),

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
    registry.*,
    registry.windows = 'point_in_time' as is_point_in_time
from registry
inner join known
    on registry.metric = known.metric
