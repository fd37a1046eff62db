{%- set metrics = ['votes', 'blasts', 'adds', 'recommends', 'events_created', 'verified_attendance'] -%}

with participation as (
    select
        scene_id,
        created_at as happened_at,
        'votes' as metric,
        user_id,
        track_vote_id as counted_id
    from {{ ref('stg_track_votes') }}
    union all
    select
        scene_id,
        created_at as happened_at,
        case action_type when 'BLAST' then 'blasts' when 'ADD' then 'adds' else 'recommends' end as metric,
        user_id,
        signal_action_id as counted_id
    from {{ ref('signal_response') }}
    where action_type in ('BLAST', 'ADD', 'RECOMMEND')
    union all
    select
        community_id as scene_id,
        created_at as happened_at,
        'events_created' as metric,
        created_by_user_id as user_id,
        event_id as counted_id
    from {{ ref('stg_events') }}
    union all
    select
        events.community_id as scene_id,
        attendances.checked_in_at as happened_at,
        'verified_attendance' as metric,
        attendances.user_id,
        {{ stable_id(['attendances.event_id', 'attendances.user_id']) }} as counted_id
    from {{ ref('stg_event_attendances') }} as attendances
    left join {{ ref('stg_events') }} as events
        on attendances.event_id = events.event_id
    where attendances.method in ('qr_scan', 'location')
),

scoped as (
    {{ scoped('participation') | indent(4) }}
),

scope_windows as (
    {{ scope_windows() | indent(4) }}
),

by_scope as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        {%- for metric in metrics %}
        count(distinct scoped.counted_id) filter (where scoped.metric = '{{ metric }}') as {{ metric }},
        count(distinct scoped.user_id) filter (where scoped.metric = '{{ metric }}') as {{ metric }}_people,
        {%- endfor %}
        scope_windows.window_days
    from scope_windows
    left join scoped
        on
            scope_windows.scope_id = scoped.scope_id
            and scoped.happened_at >= scope_windows.starts_at
            and scoped.happened_at < scope_windows.as_of
    group by all
)

{% for metric in metrics -%}
{{ unpivoted('by_scope', [{'name': metric, 'cohort': metric ~ '_people'}]) }}
{%- if not loop.last %}
union all
{% endif -%}
{% endfor %}
