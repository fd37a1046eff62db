with promotions as (
    select
        posted.scene_id,
        posted.happened_at as posted_at,
        signals.signal_id,
        signals.created_by_user_id
    from {{ ref('countable') }} as posted
    inner join {{ ref('stg_signals') }} as signals
        on posted.counted_id = signals.signal_id
    where posted.metric = 'promotions_posted'
),

actions as (
    select * from {{ ref('stg_signal_actions') }}
    where action_type in ('ADD', 'BLAST')
),

scope_windows as (
    {{ scope_windows() | indent(4) }}
),

scoped_promotions as (
    {{ scoped('promotions') | indent(4) }}
),

by_scope as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        count(distinct promotions.signal_id) as posted,
        count(distinct promotions.signal_id) filter (
            where promotions.created_by_user_id is not null
        ) as signed,
        count(distinct promotions.created_by_user_id) as creators,
        count(actions.signal_action_id) as interactions,
        count(distinct actions.signal_id) as answered,
        count(distinct actions.user_id) as people
    from scope_windows
    inner join scoped_promotions as promotions
        on
            scope_windows.scope_id = promotions.scope_id
            and promotions.posted_at >= scope_windows.starts_at
            and promotions.posted_at < scope_windows.as_of
    left join actions
        on promotions.signal_id = actions.signal_id
    group by all
)

{{ unpivoted('by_scope', [
    {'name': 'promotions_per_business', 'numerator': 'signed', 'denominator': 'creators',
     'cohort': 'creators', 'coverage': 'signed / posted'},
    {'name': 'promotion_interactions_avg', 'numerator': 'interactions', 'denominator': 'posted',
     'cohort': 'people', 'coverage': 'answered / posted'},
]) }}
