{#- Law 8, inside the warehouse. No e-mail, password, token, coordinate, user name, display name or free text of a
    member leaves ingestion: no column of raw is named like one, and no staged text of a member looks like one.
    Otherwise personal data would lie one query away from what is published. -#}
{{ config(tags=['duckdb'], meta={'dagster': {'ref': {'name': 'stg_users'}}}) }}

with columns_kept as (
    select
        file_name as place,
        split_part(file_name, '/', -3) as table_name,
        name as column_name
    from parquet_schema(
        '{{ env_var("WAREHOUSE_DIR", "data/warehouse")
        | replace("[", "[[]") | replace("*", "[*]") | replace("'", "''") }}/raw/*/*/*.parquet'
    )
),

texts_kept as (
    select
        'stg_users' as place,
        concat_ws(' ', home_scene_city, home_scene_state, home_scene_community) as kept_text
    from {{ ref('stg_users') }}
    union all
    select
        'stg_community_members' as place,
        role as kept_text
    from {{ ref('stg_community_members') }}
)

select
    place,
    column_name as finding
from columns_kept
where {{ is_named_personal('table_name', 'column_name') }}
union all
select distinct
    place,
    'a text that looks personal' as finding
from texts_kept
where {{ looks_personal('kept_text', 'text') }}
