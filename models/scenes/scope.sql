{#- The parts of each tier are listed in dbt_project.yml. A scene has a scope of the tier if it has them all.
    Otherwise it belongs to the tier's scope `unscoped`. A tier without parts has one scope, which holds everything. -#}
{%- set columns = {'state': 'string', 'city': 'string', 'music_community': 'string', 'scene_id': id_type()} -%}

with scene as (
    select
        *,
        coalesce(
            nullif(concat_ws(', ', nullif(concat_ws(' ', city, music_community), ''), nullif(state, '')), ''),
            name
        ) as place
    from {{ ref('scene') }}
),

every_scope as (
    {% for tier, parts in var('tiers').items() if parts -%}
    {%- set is_scene = 'scene_id' in parts -%}
    select{{ '' if is_scene else ' distinct' }}
        {{ 'scene_id' if is_scene else stable_id(["'" ~ tier ~ "'"] + parts) }} as scope_id,
        '{{ tier }}' as tier,
        {%- for column, type in columns.items() %}
        {{ column if is_scene or column in parts else 'cast(null as ' ~ type ~ ') as ' ~ column }},
        {%- endfor %}
        false as is_unscoped,
        {{ 'place' if is_scene else "concat_ws(' ', " ~ parts | join(', ') ~ ')' }} as place,
        {{ 'founded_on' if is_scene else 'cast(null as date)' }} as founded_on
    from scene
    where {{ parts | join(' is not null and ') }} is not null
    union all
    {% endfor %}
    {%- for tier, parts in var('tiers').items() -%}
    select
        {{ stable_id(["'unscoped'", "'" ~ tier ~ "'"] if parts else ["'" ~ tier ~ "'"]) }} as scope_id,
        '{{ tier }}' as tier,
        {%- for column, type in columns.items() %}
        cast(null as {{ type }}) as {{ column }},
        {%- endfor %}
        {{ 'true' if parts else 'false' }} as is_unscoped,
        '{{ 'in no ' ~ tier ~ ' scene' if parts else tier }}' as place,
        cast(null as date) as founded_on
    {%- if not loop.last %}
    union all
    {% endif -%}
    {%- endfor %}
)

select
    scope_id,
    tier,
    state,
    city,
    music_community,
    scene_id,
    is_unscoped,
    -- If two scopes have the same place, the day of founding tells them apart, then the id.
    concat_ws(
        ', ',
        place,
        case
            when count(*) over (partition by tier, place) > 1
                then 'founded ' || cast(founded_on as string)
        end,
        case
            when count(*) over (partition by tier, place, founded_on) > 1
                then cast(scope_id as string)
        end
    ) as label,
    founded_on
from every_scope
