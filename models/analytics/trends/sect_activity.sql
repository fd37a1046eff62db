{%- set numbers = {
    'sect_members': 'holders', 'sect_artists': 'artists', 'sect_artists_in_rotation': 'artists_in_rotation',
    'sect_share_of_tags': 'share_of_tags', 'sect_threshold_progress': 'progress_to_official',
    'sect_membership_density': 'membership_density', 'sect_engagement_points': 'engagement_points_30d',
    'sect_votes': 'votes_30d', 'sect_growth_rate': 'growth_rate_30d',
} -%}
{%- set counts = ['holders', 'artists', 'artists_in_rotation', 'engagement_points_30d', 'votes_30d'] -%}
with sects as (
    select * from {{ ref('sect') }}
),

tags as (
    select * from {{ ref('stg_sect_tags') }}
),

shown as (
    select
        subject_id as sect_tag_id,
        {%- for metric, column in numbers.items() %}
        max(value) filter (where metric = '{{ metric }}') as {{ column }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    from {{ ref('shown_value') }}
    where subject_type = 'sect' and tier = 'city' and (is_point_in_time or window_days = 30)
    group by subject_id
)

select
    sects.sect_tag_id,
    sects.scene_id,
    sects.sect_name,
    tags.status,
    tags.created_at,
    sects.is_official,
    count(*) over (partition by sects.scene_id) as sects_in_scene,
    {%- for column in numbers.values() %}
    {{ 'cast(shown.' ~ column ~ ' as bigint) as ' ~ column if column in counts else 'shown.' ~ column }}
    {%- if not loop.last %},{% endif %}
    {%- endfor %}
from sects
inner join tags
    on sects.sect_tag_id = tags.sect_tag_id
left join shown
    on sects.sect_tag_id = shown.sect_tag_id
