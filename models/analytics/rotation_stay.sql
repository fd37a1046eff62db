with states as (
    select * from {{ ref('stg_rotation_entries_history') }}
),

nights as (
    select * from {{ ref('snapshot_night') }}
    where table_name = 'rotation_entries'
),

as_of as (
    select * from {{ ref('as_of') }}
),

marked as (
    select
        *,
        case
            when lag(to_night) over (partition by rotation_entry_id order by from_night) = from_night then 0
            else 1
        end as new_stay
    from states
),

numbered as (
    select
        *,
        sum(new_stay) over (partition by rotation_entry_id order by from_night) as stay_number
    from marked
),

-- A stay is as its last state tells it.
stays as (
    select
        *,
        min(from_night) over (partition by rotation_entry_id, stay_number) as first_night,
        max(stay_number) over (partition by rotation_entry_id) as last_stay_number
    from numbered
    qualify row_number() over (partition by rotation_entry_id, stay_number order by from_night desc) = 1
)

select
    stays.rotation_entry_id,
    stays.track_id,
    stays.scene_id,
    stays.entered_pool_at,
    stays.graduated_at,
    stays.created_at,
    stays.first_night,
    coalesce(nights.previous_night, as_of.as_of_date) as last_night,
    stays.to_night as gone_on,
    stays.stay_number = stays.last_stay_number as is_last
from stays
left join nights
    on stays.to_night = nights.night
cross join as_of
