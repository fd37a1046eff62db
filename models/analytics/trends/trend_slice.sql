{#- Most of history does not change from night to night. So a slice stands as long as nothing that it is made of does: what
    happened in it, how many people its scenes had, where each scene lies, the floor, and for a month the weeks that are
    decided before it. What a sliced model reads must be read here. -#}
{%- set of_scenes = ['listeners', 'followers', 'joined', 'departed', 'gps_verified_members', 'members'] -%}

with period as (
    select * from {{ ref('period') }}
),

as_of as (
    select * from {{ ref('as_of') }}
),

happened as (
    select
        day,
        {{ content(['artist_band_id', 'user_id', 'scene_id', 'kind'] + heard_numbers()) }} as content
    from {{ ref('artist_fact') }}
    group by all
    union all
    select
        engaged_on as day,
        {{ content(['user_id', 'scene_id']) }} as content
    from {{ ref('listening_day') }}
    group by all
),

of_periods as (
    select
        periods.period,
        periods.starts_on,
        {{ content(['happened.day', 'happened.content']) }} as content
    from happened
    {{ join_period('happened', 'day') }}
    group by all
),

scenes as (
    select
        period,
        starts_on,
        {{ content(['scope_id'] + of_scenes) }} as content
    from {{ ref('scene_period') }}
    group by all
),

cohorts as (
    select
        joined_month,
        {{ content(['scope_id', 'size'] + cohort_counts()) }} as content
    from {{ ref('cohort_period') }}
    group by all
),

-- What slices of every period are made of.
common as (
    {%- for model, columns in {
        'scope': ['scope_id', 'tier', 'is_unscoped'],
        'scene_scope': ['scene_id', 'tier', 'scope_id'],
        'scope_parent': ['scope_id', 'parent_id', 'depth'],
        'sceneless_scope': ['scope_id'],
        'unscoped_part': ['scope_id', 'part_id'],
        'privacy_floor': ['floor_people'],
    }.items() %}
    select
        '{{ model }}' as model,
        {{ content(columns) }} as content
    from {{ ref(model) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

in_common as (
    select {{ content(['model', 'content']) }} as content
    from common
),

of_itself as (
    select
        period.period,
        period.starts_on,
        period.ends_before,
        {{ stable_id([
            'period.period', 'period.starts_on', 'of_periods.content', 'scenes.content', 'in_common.content'
        ]) | indent(8) }} as made_of
    from period
    cross join in_common
    left join of_periods
        on period.period = of_periods.period and period.starts_on = of_periods.starts_on
    left join scenes
        on period.period = scenes.period and period.starts_on = scenes.starts_on
),

weeks_of_months as (
    select
        months.starts_on,
        {{ content(['weeks.made_of']) }} as content
    from of_itself as months
    inner join of_itself as weeks
        on months.starts_on < weeks.ends_before and months.ends_before > weeks.starts_on
    where months.period = 'month' and weeks.period = 'week'
    group by months.starts_on
)

select * from of_itself
where period = 'week'
union all
select
    months.period,
    months.starts_on,
    months.ends_before,
    {{ stable_id([
        'months.made_of', 'weeks_of_months.content', ends_in_a_week_to_come('months')
    ]) | indent(4) }} as made_of
from of_itself as months
cross join as_of
left join weeks_of_months
    on months.starts_on = weeks_of_months.starts_on
where months.period = 'month'
union all
select
    'joined' as period,
    cohorts.joined_month as starts_on,
    cast(null as date) as ends_before,
    {{ stable_id([
        "'joined'", 'cohorts.joined_month', 'cohorts.content', 'in_common.content'
    ]) | indent(4) }} as made_of
from cohorts
cross join in_common
