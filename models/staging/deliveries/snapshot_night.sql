with accepted as (
    select distinct
        table_name,
        night
    from {{ ref('delivery') }}
    where status = 'accepted'
)

select
    table_name,
    night,
    lag(night) over (partition by table_name order by night) as previous_night,
    lead(night) over (partition by table_name order by night) as next_night
from accepted
