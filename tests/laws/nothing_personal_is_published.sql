{#- Law 8. No column is named like an e-mail, password, token, coordinate, user name, display name or free text of a
    member, and no published text looks like one. Names of artists, scenes, tracks and events are public and not looked
    at. Otherwise analysts would read what members never agreed to show. -#}
{{ config(meta={'dagster': {'ref': {'name': 'rejected_row'}}}) }}
{%- set published_texts = {
    'activity_decision': [
        'rule_id', 'activity_type', 'policy_version', 'source_table', 'decision', 'capped_by'
    ],
    'activity_point': ['activity_type', 'rule_id', 'policy_version', 'source_table'],
    'activity_score': ['tier', 'state', 'city', 'music_community'],
    'analytics_summary': ['tier', 'state', 'city', 'music_community', 'subject_type', 'metric'],
    'artist_analytics': ['state', 'city'],
    'plot_statistics': ['tier_scope'],
    'point_rule': ['policy_version', 'rule_id', 'activity_type', 'description'],
    'publication': ['run_id', 'policy_version', 'nights_missing', 'code_version', 'erasure_version'],
    'rejected_row': ['table_name', 'part', 'column_name', 'reason', 'value'],
    'rotation_recurrence': ['verdict', 'not_judged_because'],
    'row_account': ['table_name', 'part', 'status', 'reason'],
    'scope': ['tier', 'state', 'city', 'music_community'],
    'score_policy': ['policy_version', 'season_length', 'description'],
    'subject': ['subject_type'],
    'user_activity': ['activity_type'],
} %}
{%- set public_names = ['artist_name', 'label', 'name'] %}

with columns_kept as (
    select
        table_name as place,
        column_name,
        data_type
    from information_schema.columns
    where table_schema = 'main'
),

texts_kept as (
    {% for table, columns in published_texts.items() %}
    {%- set outer_loop = loop %}
    {%- for column in columns %}
    {%- if not (outer_loop.first and loop.first) %}
    union all
    {% endif -%}
    select distinct
        '{{ table }}' as place,
        {{ column }} as kept_text
    from {{ ref(table) }}
    {%- endfor %}
    {%- endfor %}
)

select
    place,
    column_name as finding
from columns_kept
where {{ looks_personal('column_name', 'name') }}
union all
select
    place,
    'no law looks at the text ' || column_name as finding
from columns_kept
where
    data_type = 'VARCHAR'
    and (
        {%- for table, columns in published_texts.items() %}
        {% if not loop.first %}or {% endif -%}
        place = '{{ table }}' and column_name not in (
            {%- for column in columns + public_names %}
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
