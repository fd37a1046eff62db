{#- Law 8. No column is named like an e-mail, password, token, coordinate, user name, display name or free text of a
    member, and no published text looks like one. Names of artists, scenes, sects, tracks and events are public, so the
    law does not look at them. Otherwise analysts would read what members never agreed to show. -#}
{{ config(meta={'dagster': {'ref': {'name': 'rejected_row'}}}) }}
{#- The relations tagged `published`, without views: a view shows only what its tables hold. -#}
{%- set tables = [
    'activity_decision',
    'activity_point',
    'activity_score',
    'analytics_breakdown',
    'analytics_summary',
    'artist_analytics',
    'fair_play_metrics',
    'metric',
    'metric_threshold',
    'plot_statistics',
    'point_rule',
    'publication',
    'rejected_row',
    'rotation_recurrence',
    'row_account',
    'scene_map',
    'scope',
    'score_policy',
    'subject',
    'user_activity',
] %}
{%- set public_names = ['artist_name', 'bucket', 'label', 'name'] %}

with columns_kept as (
    select
        table_name as place,
        column_name,
        data_type
    from information_schema.columns
    where table_schema = 'main'
),

texts_kept as (
    select
        cast(null as varchar) as place,
        cast(null as varchar) as kept_text
    where false
    {%- for table in tables %}
    {%- set relation = ref(table) %}
    {%- for column in texts_of(table) if column not in public_names %}
    union all
    select distinct
        '{{ table }}' as place,
        {{ column }} as kept_text
    from {{ relation }}
    {%- endfor %}
    {%- endfor %}
)

select
    place,
    column_name as finding
from columns_kept
where {{ is_named_personal('place', 'column_name') }}
union all
select
    place,
    'no law looks at the text ' || column_name as finding
from columns_kept
where
    data_type = 'VARCHAR'
    and (
        {%- for table in tables %}
        {% if not loop.first %}or {% endif -%}
        place = '{{ table }}' and column_name not in (
            {%- for column in public_names + texts_of(table) %}
            '{{ column }}'{% if not loop.last %},{% endif %}
            {%- endfor %}
        )
        {%- endfor %}
    )
union all
select distinct
    place,
    'a text that looks personal' as finding
from texts_kept
where {{ looks_personal('kept_text', 'text') }}
