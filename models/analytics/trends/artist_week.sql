with numbers as (
    select * from {{ ref('artist_shown') }}
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
    {{ if_shown('numbers.is_listeners_shown', 'numbers.' ~ number) }} as {{ number }},
    {%- endfor %}
    {{ if_shown('numbers.is_adders_shown', 'numbers.adds') }} as adds,
    {{ if_shown('numbers.is_adders_shown', 'numbers.adders') }} as adders,
    numbers.blasts,
    {{ if_known('followers', if_shown('numbers.is_followers_shown', 'numbers.followers')) }} as followers,
    {{ if_known('artist_attendance', if_shown('numbers.is_attendees_shown', 'numbers.attendance')) }}
        as attendance,
    {{ if_known('artist_attendance', if_shown('numbers.is_attendees_shown', 'numbers.attendees')) }}
        as attendees
from numbers
inner join artists
    on numbers.artist_band_id = artists.artist_band_id
where
    numbers.blasts > 0
    or numbers.is_listeners_shown
    or numbers.is_adders_shown
    or numbers.is_followers_shown
    or numbers.is_attendees_shown
