with resident as (
    select * from {{ ref('resident') }}
),

users as (
    select * from {{ ref('stg_users') }}
    where not is_erased
),

-- The platform may still export somebody who was erased. They count among the residents, but nobody reads of them.
members as (
    select resident.*
    from resident
    inner join users
        on resident.user_id = users.user_id
),

points as (
    select * from {{ ref('user_activity') }}
),

scope as (
    select * from {{ ref('scope') }}
    where tier = 'city' and not is_unscoped
),

as_of as (
    select * from {{ ref('as_of') }}
),

signals as (
    select * from {{ ref('stg_signals') }}
),

artists as (
    select * from {{ ref('stg_artist_bands') }}
),

-- What is in one's collections, and the artists of one's own scene in it.
collected as (
    select
        members.user_id,
        count(distinct artists.artist_band_id) filter (where artists.home_scene_id = members.scene_id)
            as collected_artists,
        cast(count(artists.artist_band_id) as double) / count(*) as share_naming_artist
    from members
    inner join {{ ref('stg_collections') }} as collections
        on members.user_id = collections.user_id
    inner join {{ ref('stg_collection_items') }} as items
        on collections.collection_id = items.collection_id
    cross join as_of
    left join signals
        on items.signal_id = signals.signal_id
    left join artists
        on signals.artist_band_id = artists.artist_band_id
    where items.created_at < as_of.as_of
    group by members.user_id
),

summed as (
    select
        user_id,
        {%- for days in var('windows') %}
        sum(points_{{ days }}d) as points_{{ days }}d,
        {%- for type in var('activity_types') %}
        sum(points_{{ days }}d) filter (where activity_type = '{{ type }}') as {{ type }}_points_{{ days }}d,
        {%- endfor %}
        {%- endfor %}
        sum(points_all_time) as points_all_time,
        {%- for type in var('activity_types') %}
        sum(points_all_time) filter (where activity_type = '{{ type }}') as {{ type }}_points_all_time,
        {%- endfor %}
        sum(awards) as awards,
        min(first_activity_at) as first_activity_at,
        max(last_activity_at) as last_activity_at
    from points
    group by user_id
)

select
    as_of.as_of_date,
    members.user_id,
    members.scene_id as home_scene_id,
    scope.label as home_scene,
    members.created_at as member_since,
    {%- for days in var('windows') %}
    cast(coalesce(summed.points_{{ days }}d, 0) as bigint) as points_{{ days }}d,
    {%- for type in var('activity_types') %}
    cast(coalesce(summed.{{ type }}_points_{{ days }}d, 0) as bigint) as {{ type }}_points_{{ days }}d,
    {%- endfor %}
    {%- endfor %}
    cast(coalesce(summed.points_all_time, 0) as bigint) as points_all_time,
    {%- for type in var('activity_types') %}
    cast(coalesce(summed.{{ type }}_points_all_time, 0) as bigint) as {{ type }}_points_all_time,
    {%- endfor %}
    cast(coalesce(summed.awards, 0) as bigint) as awards,
    summed.first_activity_at,
    summed.last_activity_at,
    {{ if_known('collected_artists', 'coalesce(collected.collected_artists, 0)') }} as collected_artists,
    {{ if_known('collected_artists', 'collected.share_naming_artist') }} as collected_artists_coverage
from members
cross join as_of
left join scope
    on members.scene_id = scope.scene_id
left join summed
    on members.user_id = summed.user_id
left join collected
    on members.user_id = collected.user_id
