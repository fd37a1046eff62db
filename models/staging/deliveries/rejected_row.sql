with rejected as (
    select * from {{ source('raw', 'rejected') }}
),

as_of as (
    select * from {{ ref('as_of') }}
)

select
    rejected.table_name,
    rejected.night,
    rejected.part,
    rejected.row_number,
    rejected.column_name,
    rejected.reason,
    rejected.value,
    rejected.delivery_id
from rejected
inner join as_of
    on rejected.night <= as_of.as_of_date
