{#- The first state of a row begins when the row was made, because snapshots may have missed that day. If a row was gone
    and is back, its new state begins when it was seen again. -#}

with states as (
    select
        *,
        row_number() over (partition by artist_band_member_id order by from_night) as state_number
    from {{ ref('stg_artist_band_members_history') }}
)

select
    user_id,
    artist_band_id,
    case
        when state_number = 1 then least(cast(created_at as date), from_night)
        else from_night
    end as valid_from,
    coalesce(to_night, date '9999-12-31') as valid_to
from states
