with windows as (
    select * from {{ ref('summary_window') }}
    where window_days is not null
),

nights as (
    select * from {{ ref('snapshot_night') }}
),

as_of as (
    select * from {{ ref('as_of') }}
),

compared as (
    select
        nights.table_name,
        windows.window_days,
        min(nights.night) as night
    from windows
    inner join nights
        on cast(nights.night as timestamp) >= {{ days_before('windows.starts_at', 1) }}
    group by all
)

select
    compared.table_name,
    compared.window_days,
    compared.night,
    least(1, {{ days_apart('compared.night', 'as_of.as_of_date') }} / compared.window_days) as days_seen
from compared
cross join as_of
