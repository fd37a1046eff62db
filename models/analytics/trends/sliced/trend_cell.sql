{#- Weeks are decided before months, scenes before artists, the size of a cohort before who of it came back. -#}
{%- set of_scenes = {
    'listeners': ('listeners', 'null'),
    'followers': ('followers', 'null'),
    'movers': ('least(joined, departed)', 'greatest(joined, departed)'),
    'gps_verified_members': ('gps_verified_members', 'members - gps_verified_members'),
} -%}
{%- set of_artists = {
    'listeners': ('listeners', 'null'),
    'adders': ('adders', 'null'),
    'followers': ('followers', 'null'),
    'attendees': ('attendees', 'null'),
    'people': ('people', 'null'),
    'aware': ('aware_listeners', 'scope_listeners - aware_listeners'),
} -%}
with slices as (
    {{ slices_to_make() | indent(4) }}
),

scene_period as (
    select
        numbers.*,
        slices.made_of
    from {{ ref('scene_period') }} as numbers
    inner join slices
        on numbers.period = slices.period and numbers.starts_on = slices.starts_on
),

-- `everywhere` is the artist on the whole platform, of whose people a scope has a part.
artist_period as (
    select
        artists.*,
        scene_period.listeners as scope_listeners,
        {%- for people, _ in of_artists.values() %}
        everywhere.{{ people }} as {{ people }}_everywhere{% if not loop.last %},{% endif %}
        {%- endfor %}
    from {{ ref('artist_period') }} as artists
    inner join scene_period
        on
            artists.period = scene_period.period
            and artists.starts_on = scene_period.starts_on
            and artists.scope_id = scene_period.scope_id
    inner join {{ ref('artist_period') }} as everywhere
        on
            artists.period = everywhere.period
            and artists.starts_on = everywhere.starts_on
            and artists.artist_band_id = everywhere.artist_band_id
            and everywhere.tier = 'platform'
),

floor as (
    select floor_people from {{ ref('privacy_floor') }}
),

-- Scopes that may show that they have nobody.
may_be_nobody as (
    select scope_id from {{ ref('sceneless_scope') }}
    union
    select scope_id from {{ ref('unscoped_part') }}
),

cohorts as (
    select
        numbers.*,
        slices.made_of
    from {{ ref('cohort_period') }} as numbers
    inner join slices
        on numbers.joined_month = slices.starts_on and slices.period = 'joined'
),

cells as (
    {% for cohort_group, (people, others) in of_scenes.items() -%}
    select
        case period when 'week' then 1 else 3 end as step,
        '{{ cohort_group }}' as cohort_group,
        cast(null as {{ id_type() }}) as subject_id,
        period,
        starts_on,
        ends_before,
        scope_id,
        coalesce({{ people }}, 0) as people,
        cast({{ others }} as bigint) as others,
        made_of
    from scene_period
    union all
    {% endfor -%}
    {% for cohort_group, (people, others) in of_artists.items() -%}
    select
        case period when 'week' then 2 else 4 end as step,
        'artist {{ cohort_group }}' as cohort_group,
        artist_band_id as subject_id,
        period,
        starts_on,
        ends_before,
        scope_id,
        {{ people }} as people,
        cast({{ others }} as bigint) as others,
        made_of
    from artist_period
    cross join floor
    -- What few people do is withheld everywhere, with a row or without one. Most cells are such.
    where
        {{ people }}_everywhere >= floor_people
        or scope_id in (select scope_id from may_be_nobody)
    union all
    {% endfor -%}
    select
        1 as step,
        'cohort' as cohort_group,
        cast(null as {{ id_type() }}) as subject_id,
        'joined' as period,
        joined_month as starts_on,
        cast(null as date) as ends_before,
        scope_id,
        size as people,
        cast(null as bigint) as others,
        made_of
    from cohorts
    {%- for months in cohort_months() %}
    union all
    select
        2 as step,
        'cohort after {{ months }}' as cohort_group,
        cast(null as {{ id_type() }}) as subject_id,
        'joined' as period,
        joined_month as starts_on,
        cast(null as date) as ends_before,
        scope_id,
        active_after_{{ months }}m as people,
        size - active_after_{{ months }}m as others,
        made_of
    from cohorts
    where active_after_{{ months }}m is not null
    {%- endfor %}
)

select
    *,
    people = 0 as is_nobody,
    false as is_divided,
    {{ trend_key('cohort_group', 'subject_id', 'period', 'starts_on') | indent(4) }} as cell_key
from cells
