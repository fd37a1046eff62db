{#- Law 8. No column is named like an e-mail, password, token, coordinate, user name, display name or free text of a
    member, and no published text looks like one. Names of artists, scenes, sects, tracks and events are public, so the
    law does not look at them. Otherwise analysts would read what members never agreed to show. -#}
{{ config(tags=['duckdb'], meta={'dagster': {'ref': {'name': 'rejected_row'}}}) }}
{#- The relations tagged `published`, without views: a view shows only what its tables hold. -#}
{%- set tables = [
    'activity_decision',
    'activity_point',
    'activity_score',
    'analytics_breakdown',
    'analytics_summary',
    'artist_analytics',
    'artist_timeline',
    'artist_total',
    'artist_week',
    'blast_conversion',
    'event_activity',
    'fair_play_metrics',
    'member_cohort',
    'member_point_source',
    'member_profile',
    'metric',
    'metric_threshold',
    'plot_statistics',
    'point_rule',
    'publication',
    'rejected_row',
    'release_activity',
    'rotation_recurrence',
    'row_account',
    'scene_day',
    'scene_map',
    'scene_week',
    'scope',
    'score_policy',
    'sect_activity',
    'subject',
    'track_week',
    'user_activity',
] %}
{%- set public_names = [
    'artist_name', 'bucket', 'home_scene', 'label', 'name', 'scene', 'scene_name', 'sect_name', 'track_title',
] %}
{#- Texts of a row are looked at all at once, with blanks between them: what looks personal has none. -#}
{%- set looked_at = [''] %}
{%- for table in tables %}
{%- for column in texts_of(table) %}
{%- do looked_at.append(table ~ '.' ~ column) %}
{%- endfor %}
{%- endfor %}

with columns_kept as (
    select
        table_name as place,
        column_name,
        data_type
    from information_schema.columns
    where table_schema = 'main'
),

texts_kept as (
    select cast(null as string) as place
    where false
    {%- for table in tables %}
    {%- set relation = ref(table) %}
    {%- for texts in [texts_of(table) | reject('in', public_names) | join(', ')] if texts %}
    union all
    select '{{ table }}' as place
    from {{ relation }}
    where {{ looks_personal("concat_ws(' ', " ~ texts ~ ")", 'text') }}
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
    and place in (
        {%- for table in tables %}
        '{{ table }}'{% if not loop.last %},{% endif %}
        {%- endfor %}
    )
    and column_name not in (
        {%- for column in public_names %}
        '{{ column }}'{% if not loop.last %},{% endif %}
        {%- endfor %}
    )
    and place || '.' || column_name not in (
        {%- for column in looked_at %}
        '{{ column }}'{% if not loop.last %},{% endif %}
        {%- endfor %}
    )
union all
select distinct
    place,
    'a text that looks personal' as finding
from texts_kept
