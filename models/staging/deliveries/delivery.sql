with delivered as (
    select * from {{ source('raw', 'delivered') }}
),

as_of as (
    select * from {{ ref('as_of') }}
)

select
    delivered.delivery_id,
    delivered.table_name,
    delivered.night,
    delivered.part,
    delivered.status,
    delivered.reason,
    delivered.rows_delivered,
    delivered.rows_rejected,
    delivered.rows_accepted,
    delivered.rows_duplicate,
    delivered.rows_superseded
from delivered
inner join as_of
    on delivered.night <= as_of.as_of_date
