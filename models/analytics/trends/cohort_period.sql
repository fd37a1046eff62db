{#- Members as of the night, at home where they are then. A month is looked at once it has ended. -#}

with members as (
    select
        user_id,
        scene_id,
        cast(date_trunc('month', created_at) as date) as joined_month
    from {{ ref('resident') }}
),

activity as (
    select distinct
        user_id,
        cast(date_trunc('month', active_on) as date) as active_month
    from {{ ref('active_day') }}
),

as_of as (
    select * from {{ ref('as_of') }}
),

looked_at as (
    select
        members.user_id,
        members.scene_id,
        members.joined_month,
        {%- for months in cohort_months() %}
        case
            when
                cast(members.joined_month + interval '{{ months + 1 }} month' as timestamp) <= as_of.as_of
                then activity_{{ months }}.user_id is not null
        end as is_active_after_{{ months }}m{% if not loop.last %},{% endif %}
        {%- endfor %}
    from members
    cross join as_of
    {%- for months in cohort_months() %}
    left join activity as activity_{{ months }}
        on
            members.user_id = activity_{{ months }}.user_id
            and cast(members.joined_month + interval '{{ months }} month' as date)
            = activity_{{ months }}.active_month
    {%- endfor %}
),

scoped_members as (
    {{ scoped('looked_at') | indent(4) }}
)

select
    tier,
    scope_id,
    joined_month,
    count(*) as size,
    {%- for months in cohort_months() %}
    {%- set active = 'case is_active_after_' ~ months ~ 'm when true then 1 when false then 0 end' %}
    sum({{ active }}) as active_after_{{ months }}m{% if not loop.last %},{% endif %}
    {%- endfor %}
from scoped_members
group by all
