with history as (
    select * from {{ ref('stg_artist_band_members_history') }}
),

first_snapshot as (
    select min(night) as night
    from {{ ref('snapshot_night') }}
    where table_name = 'artist_band_members'
)

select
    history.user_id,
    history.artist_band_id,
    case
        when history.from_night > first_snapshot.night then history.from_night
        else cast(history.created_at as date)
    end as valid_from,
    coalesce(history.to_night, date '9999-12-31') as valid_to
from history
cross join first_snapshot
