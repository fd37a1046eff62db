with scene as (
    select * from {{ ref('scene') }}
),

city_scope as (
    select
        scene_id as scope_id,
        'city' as tier,
        state,
        city,
        music_community,
        scene_id,
        false as is_unscoped,
        coalesce(
            nullif(concat_ws(', ', nullif(concat_ws(' ', city, music_community), ''), nullif(state, '')), ''),
            name
        ) as place,
        founded_on
    from scene
),

state_scope as (
    select distinct
        {{ stable_id(["'state'", 'state', 'music_community']) }} as scope_id,
        'state' as tier,
        state,
        cast(null as varchar) as city,
        music_community,
        cast(null as uuid) as scene_id,
        false as is_unscoped,
        concat_ws(' ', state, music_community) as place,
        cast(null as date) as founded_on
    from scene
    where state is not null and music_community is not null
),

national_scope as (
    select distinct
        {{ stable_id(["'national'", 'music_community']) }} as scope_id,
        'national' as tier,
        cast(null as varchar) as state,
        cast(null as varchar) as city,
        music_community,
        cast(null as uuid) as scene_id,
        false as is_unscoped,
        music_community as place,
        cast(null as date) as founded_on
    from scene
    where music_community is not null
),

unscoped as (
    select
        {{ stable_id(["'unscoped'", 'tiers.tier']) }} as scope_id,
        tiers.tier,
        cast(null as varchar) as state,
        cast(null as varchar) as city,
        cast(null as varchar) as music_community,
        cast(null as uuid) as scene_id,
        true as is_unscoped,
        concat_ws(' ', 'in no', tiers.tier, 'scene') as place,
        cast(null as date) as founded_on
    from (values ('city'), ('state'), ('national')) as tiers (tier)
),

every_scope as (
    select * from city_scope
    union all
    select * from state_scope
    union all
    select * from national_scope
    union all
    select * from unscoped
)

select
    scope_id,
    tier,
    state,
    city,
    music_community,
    scene_id,
    is_unscoped,
    -- What two scopes have in common does not tell them apart: the day of founding follows, then the id.
    concat_ws(
        ', ',
        place,
        case
            when count(*) over (partition by tier, place) > 1
                then 'founded ' || cast(founded_on as varchar)
        end,
        case
            when count(*) over (partition by tier, place, founded_on) > 1
                then cast(scope_id as varchar)
        end
    ) as label,
    founded_on
from every_scope
