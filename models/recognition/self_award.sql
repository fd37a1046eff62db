{#- Everyone involved counts as an owner: whoever made the signal, event or project, the members of every band that is
    named or plays, and the other member that a row names. -#}

with acts as (
    select * from {{ ref('act') }}
),

signals as (
    select * from {{ ref('known_signal') }}
),

events as (
    select * from {{ ref('known_event') }}
),

projects as (
    select * from {{ ref('known_project') }}
),

band_memberships as (
    select * from {{ ref('band_membership') }}
),

involved as (
    select
        acts.act_id,
        acts.user_id,
        acts.occurred_on,
        acts.counterpart_user_id,
        signals.created_by_user_id as signal_maker_id,
        events.created_by_user_id as event_maker_id,
        projects.created_by_user_id as project_maker_id,
        acts.artist_band_id as named_band_id,
        signals.artist_band_id as signal_band_id,
        events.artist_band_id as event_band_id
    from acts
    left join signals
        on acts.signal_id = signals.signal_id
    left join events
        on acts.event_id = events.event_id
    left join projects
        on acts.project_id = projects.project_id
),

own_band_act as (
    select involved.act_id
    from involved
    inner join band_memberships
        on
            involved.user_id = band_memberships.user_id
            and involved.occurred_on >= band_memberships.valid_from
            and involved.occurred_on < band_memberships.valid_to
            and band_memberships.artist_band_id in (
                involved.named_band_id, involved.signal_band_id, involved.event_band_id
            )
)

select act_id
from involved
where user_id in (counterpart_user_id, signal_maker_id, event_maker_id, project_maker_id)
union distinct
select act_id
from own_band_act
