{#- Blasts of a signal are numbered in the order they happened (at one instant by tie_order, the lowest last). An ADD
    credits the last blast before it. If that blast is the adder's own, the ADD credits the one before; a member blasts
    a signal only once, so that one is somebody else's. -#}
with actions as (
    select stg_signal_actions.*
    from {{ ref('stg_signal_actions') }} as stg_signal_actions
    left join {{ ref('known_signal') }} as known_signal
        on stg_signal_actions.signal_id = known_signal.signal_id
    where
        stg_signal_actions.action_type in ('ADD', 'BLAST')
        and known_signal.signal_type is distinct from 'flyer'
),

rules as (
    select * from {{ ref('point_rule') }}
    where rule_id = 'blast_response'
),

-- Before the first version, the window of the first decides what would have been a response; after the last version,
-- the window of the last.
windows as (
    select
        response_window_hours,
        case
            when row_number() over (order by valid_from) = 1 then date '0001-01-01'
            else valid_from
        end as valid_from,
        coalesce(lead(valid_from) over (order by valid_from), date '9999-12-31') as valid_to
    from rules
),

numbered as (
    select
        *,
        sum(case when action_type = 'BLAST' then 1 else 0 end) over (
            partition by signal_id
            order by created_at, case when action_type = 'ADD' then 0 else 1 end, tie_order desc
            rows between unbounded preceding and current row
        ) as blasts_so_far
    from actions
),

blasts as (
    select * from numbered
    where action_type = 'BLAST'
),

adds as (
    select * from numbered
    where action_type = 'ADD'
),

credited as (
    select
        adds.*,
        blasts.user_id as blaster_user_id,
        blasts.signal_action_id as blast_id,
        blasts.created_at as blasted_at
    from adds
    left join blasts as latest
        on adds.signal_id = latest.signal_id and adds.blasts_so_far = latest.blasts_so_far
    inner join blasts
        on
            adds.signal_id = blasts.signal_id
            and blasts.blasts_so_far
            = case when latest.user_id = adds.user_id then adds.blasts_so_far - 1 else adds.blasts_so_far end
)

select
    {{ act_columns(
        'blast_response', 'signal_actions', 'credited.signal_action_id', 'credited.tie_order',
        'credited.blaster_user_id', 'credited.created_at', 'credited.export_date', 'credited.delivery_id',
        credited_source_id='credited.blast_id', signal_id='credited.signal_id'
    ) }}
from credited
inner join windows
    on
        cast(credited.created_at as date) >= windows.valid_from
        and cast(credited.created_at as date) < windows.valid_to
        and credited.created_at <= credited.blasted_at + windows.response_window_hours * interval 1 hour
