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
        false as is_unscoped
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
        false as is_unscoped
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
        false as is_unscoped
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
        true as is_unscoped
    from (values ('city'), ('state'), ('national')) as tiers (tier)
)

select * from city_scope
union all
select * from state_scope
union all
select * from national_scope
union all
select * from unscoped
