{#- Acts and events of scenes by day. What counts once, however often it happens, counts on the first day. -#}

with things as (
    select
        countable.scene_id,
        countable.happened_at,
        countable.user_id,
        countable.counted_id,
        case countable.metric when 'ended_events' then 'events_hosted' else countable.metric end as metric
    from {{ ref('countable') }} as countable
    inner join {{ ref('as_of') }} as as_of
        on countable.happened_at < as_of.as_of
    where
        countable.metric in (
            'votes', 'adds', 'blasts', 'recommends', 'signal_actions', 'events_created', 'ended_events',
            'verified_attendance', 'follows', 'songs_entered_rotation'
        )
),

first_happened as (
    select
        metric,
        scene_id,
        counted_id,
        min(user_id) as user_id,
        cast(min(happened_at) as date) as happened_on
    from things
    group by all
)

select
    happened_on,
    metric,
    scene_id,
    user_id,
    count(*) as things
from first_happened
group by all
