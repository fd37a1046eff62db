{{ config(materialized='view') }}

with tracks as (
    select * from {{ ref('stg_tracks') }}
    where artist_band_id is not null
),

heard as (
    select
        listening.engaged_on as day,
        tracks.artist_band_id,
        listening.scene_id,
        listening.user_id,
        {%- for number in heard_numbers() %}
        listening.{{ number }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    from {{ ref('listening_day') }} as listening
    inner join tracks
        on listening.track_id = tracks.track_id
),

responses as (
    select
        *,
        cast(happened_at as date) as day
    from {{ ref('artist_response') }}
),

-- However often somebody checks in at an event, it is one attendance, on the day of the first.
first_check_ins as (
    select
        artist_band_id,
        user_id,
        event_id,
        min_by(scene_id, happened_at) filter (where scene_id is not null) as scene_id,
        min(day) as day
    from responses
    where response = 'check_in'
    group by all
)

select
    day,
    artist_band_id,
    scene_id,
    user_id,
    'listening' as kind,
    {%- for number in heard_numbers() %}
    {{ number }}{% if not loop.last %},{% endif %}
    {%- endfor %}
from heard
union all
select
    day,
    artist_band_id,
    scene_id,
    user_id,
    response as kind,
    {%- for number in heard_numbers() %}
    0 as {{ number }}{% if not loop.last %},{% endif %}
    {%- endfor %}
from responses
where response <> 'check_in'
union all
select
    day,
    artist_band_id,
    scene_id,
    user_id,
    'attendance' as kind,
    {%- for number in heard_numbers() %}
    0 as {{ number }}{% if not loop.last %},{% endif %}
    {%- endfor %}
from first_check_ins
