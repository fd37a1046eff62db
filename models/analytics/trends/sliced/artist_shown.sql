{%- set groups = ['listeners', 'adders', 'followers', 'attendees', 'people', 'aware'] -%}
with numbers as (
    select
        *,
        cast(sum(adds) over (partition by scope_id, period, starts_on) as bigint) as adds_naming_artist
    from {{ ref('artist_period') }}
    {%- if adds_to_earlier() %}
    where {{ is_of_a_slice_to_make() }}
    {%- endif %}
)

select
    numbers.*,
    {%- for group in groups %}
    {{ group }}.scope_id is not null as is_{{ group }}_shown{% if not loop.last %},{% endif %}
    {%- endfor %}
from numbers
{{ join_trend_decision('numbers', 'artist listeners', 'listeners', 'numbers.artist_band_id') }}
{{ join_trend_decision('numbers', 'artist adders', 'adders', 'numbers.artist_band_id') }}
{{ join_trend_decision('numbers', 'artist followers', 'followers', 'numbers.artist_band_id') }}
{{ join_trend_decision('numbers', 'artist attendees', 'attendees', 'numbers.artist_band_id') }}
{{ join_trend_decision('numbers', 'artist people', 'people', 'numbers.artist_band_id') }}
{{ join_trend_decision('numbers', 'artist aware', 'aware', 'numbers.artist_band_id') }}
where
    numbers.blasts > 0
    or coalesce({{ groups | join('.scope_id, ') }}.scope_id) is not null
