with scope as (
    select * from {{ ref('scope') }}
),

users as (
    select * from {{ ref('stg_users') }}
),

communities as (
    select
        community_id as scene_id,
        member_count
    from {{ ref('stg_communities') }}
    where tier = 'city'
),

scoped_communities as (
    {{ scoped('communities') | indent(4) }}
),

totals as (
    select
        scope.tier,
        scope.scope_id,
        cast(null as integer) as window_days,
        coalesce(sum(scoped_communities.member_count), 0) as total_members
    from scope
    left join scoped_communities
        on scope.scope_id = scoped_communities.scope_id
    group by all
),

-- The app compares home texts, not home scenes. What is unscoped has no text that it could compare.
verified as (
    {%- for tier, parts in var('tiers').items() if parts %}
    {%- if not loop.first %}
    union all
    {%- endif %}
    select
        users.user_id,
        scope.scope_id
    from users
    inner join scope
        on
            scope.tier = '{{ tier }}'
            and not scope.is_unscoped
            {%- for part in (['city', 'state', 'music_community'] if 'scene_id' in parts else parts) %}
            and users.home_scene_{{ 'community' if part == 'music_community' else part }}
            is not distinct from scope.{{ part }}
            {%- endfor %}
    where users.is_gps_verified
    {%- endfor %}
),

verified_users as (
    select
        scope.tier,
        scope.scope_id,
        cast(null as integer) as window_days,
        count(verified.user_id) as gps_verified_users
    from scope
    left join verified
        on scope.scope_id = verified.scope_id
    where not scope.is_unscoped
    group by all
)

{{ unpivoted('totals', [{'name': 'total_members'}]) }}
union all
{{ unpivoted('verified_users', [{'name': 'gps_verified_users', 'cohort': 'gps_verified_users'}]) }}
