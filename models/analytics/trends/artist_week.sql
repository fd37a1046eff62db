with numbers as (
    select * from {{ ref('artist_period') }}
    where tier in ('state', 'platform')
),

artists as (
    select * from {{ ref('stg_artist_bands') }}
)

select
    numbers.period,
    numbers.starts_on,
    numbers.tier,
    numbers.scope_id,
    numbers.artist_band_id,
    artists.name as artist_name,
    {%- for number in heard_numbers() + ['listeners'] %}
    {{ if_shown('listeners.scope_id is not null', 'numbers.' ~ number) }} as {{ number }},
    {%- endfor %}
    {{ if_shown('adders.scope_id is not null', 'numbers.adds') }} as adds,
    {{ if_shown('adders.scope_id is not null', 'numbers.adders') }} as adders,
    numbers.blasts,
    {{ if_known('followers', if_shown('followers.scope_id is not null', 'numbers.followers')) }} as followers,
    {{ if_known('artist_attendance', if_shown('attendees.scope_id is not null', 'numbers.attendance')) }}
        as attendance,
    {{ if_known('artist_attendance', if_shown('attendees.scope_id is not null', 'numbers.attendees')) }}
        as attendees
from numbers
inner join artists
    on numbers.artist_band_id = artists.artist_band_id
{{ join_trend_decision('numbers', 'artist listeners', 'listeners', 'numbers.artist_band_id') }}
{{ join_trend_decision('numbers', 'artist adders', 'adders', 'numbers.artist_band_id') }}
{{ join_trend_decision('numbers', 'artist followers', 'followers', 'numbers.artist_band_id') }}
{{ join_trend_decision('numbers', 'artist attendees', 'attendees', 'numbers.artist_band_id') }}
where
    numbers.blasts > 0
    or coalesce(listeners.scope_id, adders.scope_id, followers.scope_id, attendees.scope_id) is not null
