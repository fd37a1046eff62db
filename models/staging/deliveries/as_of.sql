with run as (
    select * from {{ source('raw', 'run') }}
)

select
    as_of_date,
    cast(as_of_date as timestamp) + interval 24 hour as as_of
from run
