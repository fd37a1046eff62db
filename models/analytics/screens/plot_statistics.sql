{#- The app's own formulas: scopes compare state and music community with nulls equal, and ignore isActive. Each tier
    scope is the same query over other columns. A tier without parts has no Plot, because a Plot lies somewhere. -#}

with communities as (
    select
        *,
        community_id as scene_id
    from {{ ref('stg_communities') }}
),

as_of as (
    select * from {{ ref('as_of') }}
),

ledger as (
    select * from {{ ref('ledger') }}
),

home_scene as (
    select * from {{ ref('home_scene') }}
    where member_to is null
),

verified_users as (
    select
        home_scene_city as city,
        home_scene_state as state,
        home_scene_community as music_community,
        count(*) as people
    from {{ ref('stg_users') }}
    where is_gps_verified
    group by all
),

counted as (
    select
        community_id,
        sum(member_count) as total_members,
        0 as active_sects,
        0 as events_this_week,
        0 as signal_actions_7d,
        0 as signal_actions_7d_before,
        0 as active_tracks
    from communities
    group by all
    union all
    select
        parent_community_id as community_id,
        0 as total_members,
        count(*) as active_sects,
        0 as events_this_week,
        0 as signal_actions_7d,
        0 as signal_actions_7d_before,
        0 as active_tracks
    from {{ ref('stg_sect_tags') }}
    where status = 'active'
    group by all
    union all
    select
        events.community_id,
        0 as total_members,
        0 as active_sects,
        count(*) as events_this_week,
        0 as signal_actions_7d,
        0 as signal_actions_7d_before,
        0 as active_tracks
    from {{ ref('stg_events') }} as events
    inner join as_of
        on
            events.created_at >= {{ days_before('as_of.as_of', 7) }}
            and events.created_at < as_of.as_of
    group by all
    union all
    select
        actions.scene_id as community_id,
        0 as total_members,
        0 as active_sects,
        0 as events_this_week,
        count(*) filter (where actions.created_at >= {{ days_before('as_of.as_of', 7) }})
            as signal_actions_7d,
        count(*) filter (where actions.created_at < {{ days_before('as_of.as_of', 7) }})
            as signal_actions_7d_before,
        0 as active_tracks
    from {{ ref('signal_response') }} as actions
    inner join as_of
        on actions.created_at >= {{ days_before('as_of.as_of', 14) }}
    where actions.signal_type <> 'flyer'
    group by all
    union all
    select
        community_id,
        0 as total_members,
        0 as active_sects,
        0 as events_this_week,
        0 as signal_actions_7d,
        0 as signal_actions_7d_before,
        count(*) as active_tracks
    from {{ ref('stg_tracks') }}
    where status = 'ready'
    group by all
),
{% for tier_scope, parts in var('tiers').items() if parts %}
{#- The narrowest scope is the community itself, whatever its tier. The wider scopes gather scenes of tier city. #}
{%- set is_one = 'scene_id' in parts %}
{%- set gathered = "true" if is_one else "communities.tier = 'city'" %}
{%- set home_text = ['city', 'state', 'music_community'] if is_one else parts %}
{{ tier_scope }}_app as (
    select
        {%- for part in parts %}
        communities.{{ part }},
        {%- endfor %}
        sum(counted.total_members) as total_members,
        sum(counted.active_sects) as active_sects,
        sum(counted.events_this_week) as events_this_week,
        sum(counted.signal_actions_7d) as signal_actions_7d,
        sum(counted.signal_actions_7d_before) as signal_actions_7d_before,
        sum(counted.active_tracks) as active_tracks,
        count(distinct communities.community_id) as scope_community_count
    from communities
    inner join counted
        on communities.community_id = counted.community_id
    where {{ gathered }}
    group by all
),

{{ tier_scope }}_verified as (
    select
        {%- for part in home_text %}
        {{ part }},
        {%- endfor %}
        sum(people) as gps_verified_users
    from verified_users
    group by all
),

{{ tier_scope }}_points as (
    select
        {%- for part in parts %}
        communities.{{ part }},
        {%- endfor %}
        sum(ledger.points) filter (where ledger.occurred_at >= {{ days_before('as_of.as_of', 7) }})
            as activity_score_7d,
        sum(ledger.points) filter (
            where ledger.occurred_at >= {{ days_before('as_of.as_of', 14) }}
            and ledger.occurred_at < {{ days_before('as_of.as_of', 7) }}
        ) as activity_score_7d_before,
        sum(ledger.points) filter (where ledger.occurred_at >= {{ days_before('as_of.as_of', 30) }})
            as activity_score_30d,
        sum(ledger.points) as activity_score_all_time,
        count(distinct ledger.user_id) filter (
            where ledger.points > 0 and ledger.occurred_at >= {{ days_before('as_of.as_of', 30) }}
        ) as contributors_30d
    from communities
    inner join ledger
        on communities.community_id = ledger.scene_id
    cross join as_of
    where communities.tier = 'city'
    group by all
),

{{ tier_scope }}_members as (
    select
        {%- for part in parts %}
        communities.{{ part }},
        {%- endfor %}
        count(distinct home_scene.user_id) as members
    from communities
    inner join home_scene
        on communities.community_id = home_scene.scene_id
    group by all
),

{{ tier_scope }}_scope as (
    select
        communities.scene_id,
        '{{ tier_scope }}' as tier_scope,
        app.total_members,
        app.active_sects,
        app.events_this_week,
        app.signal_actions_7d,
        app.signal_actions_7d_before,
        app.active_tracks,
        verified.gps_verified_users,
        app.scope_community_count,
        points.activity_score_7d,
        points.activity_score_7d_before,
        points.activity_score_30d,
        points.activity_score_all_time,
        members.members,
        points.contributors_30d
    from communities
    left join {{ tier_scope }}_app as app
        on
        {% for part in parts -%}
            communities.{{ part }} is not distinct from app.{{ part }}
            {%- if not loop.last %} and {% endif %}
        {%- endfor %}
    left join {{ tier_scope }}_verified as verified
        on
        {% for part in home_text -%}
            communities.{{ part }} is not distinct from verified.{{ part }}
            {%- if not loop.last %} and {% endif %}
        {%- endfor %}
    left join {{ tier_scope }}_points as points
        on
        {% for part in parts -%}
            communities.{{ part }} is not distinct from points.{{ part }}
            {%- if not loop.last %} and {% endif %}
        {%- endfor %}
    left join {{ tier_scope }}_members as members
        on
        {% for part in parts -%}
            communities.{{ part }} is not distinct from members.{{ part }}
            {%- if not loop.last %} and {% endif %}
        {%- endfor %}
),
{% endfor %}
every_scope as (
    {%- for tier_scope, parts in var('tiers').items() if parts %}
    {%- if not loop.first %}
    union all
    {%- endif %}
    select * from {{ tier_scope }}_scope
    {%- endfor %}
)

select
    as_of.as_of_date,
    every_scope.scene_id,
    communities.name as scene_name,
    communities.state,
    communities.city,
    communities.music_community,
    every_scope.tier_scope,
    {%- for statistic in [
        'total_members', 'active_sects', 'events_this_week', 'signal_actions_7d', 'signal_actions_7d_before',
        'active_tracks', 'gps_verified_users', 'scope_community_count', 'activity_score_7d',
        'activity_score_7d_before', 'activity_score_30d', 'activity_score_all_time', 'members', 'contributors_30d'
    ] %}
    {%- set counted = 'cast(coalesce(every_scope.' ~ statistic ~ ', 0) as bigint)' %}
    {%- set metric = {'active_sects': 'active_sects', 'events_this_week': 'events_created'}.get(statistic) %}
    {{ if_known(metric, counted) if metric else counted }} as {{ statistic }}{% if not loop.last %},
    {% endif %}
    {%- endfor %}
from every_scope
inner join communities
    on every_scope.scene_id = communities.scene_id
cross join as_of
