{#- Law 8. No e-mail, password, token, coordinate, user name, display name or free text of a member leaves ingestion:
    no column of raw or the warehouse is named like one, and no kept text of a member or of a message looks like one.
    Otherwise analysts would read what members never agreed to show. -#}
{{ config(meta={'dagster': {'ref': {'name': 'rejected_row'}}}) }}
-- depends_on: {{ ref('analytics_summary') }} {{ ref('activity_score') }} {{ ref('artist_analytics') }}

{%- set personal_names = [
    'e_?mail', 'password', 'token', 'latitude', 'longitude', 'geofence', 'user_?name', 'display_?name', 'bio',
    'avatar', 'payload', 'instrument'
] | join('|') %}
{%- set personal_texts = '[^@ ]+@[^@ ]+[.][a-z]{2,}|[$]2[aby][$]' %}

with columns_kept as (
    select
        table_name as place,
        column_name
    from information_schema.columns
    where table_schema = 'main'
    union all
    select
        file_name as place,
        name as column_name
    from parquet_schema('{{ env_var("WAREHOUSE_DIR", "data/warehouse") }}/raw/*/*/*.parquet')
),

texts_kept as (
    select
        'rejected_row' as place,
        value as kept_text
    from {{ ref('rejected_row') }}
    union all
    select
        'row_account' as place,
        reason as kept_text
    from {{ ref('row_account') }}
    union all
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
where regexp_full_match(lower(column_name), '.*({{ personal_names }}).*')
union all
select distinct
    place,
    'a text that looks personal' as finding
from texts_kept
where regexp_matches(lower(kept_text), '{{ personal_texts }}')
