{#- A proof counts from its first verification, even if no snapshot saw it verified: a revoked proof that says when it
    was verified was verified once. It is taken back at revoked_at. If revoked_at is missing, it is taken back on the
    first night that shows it revoked; if the row vanished while its member stayed, on the first night without it. -#}
with states as (
    select * from {{ ref('stg_proof_of_support_history') }}
),

members as (
    select * from {{ ref('stg_users_history') }}
),

numbered as (
    select
        *,
        status = 'verified' or (status = 'revoked' and verified_at is not null) as was_verified,
        row_number() over (partition by proof_of_support_id order by from_night desc) as recency
    from states
),

verification as (
    select
        proof_of_support_id,
        min(from_night) as verified_night,
        min_by(delivery_id, from_night) filter (where delivery_id is not null) as delivery_id,
        min(coalesce(verified_at, created_at)) as verified_at
    from numbered
    where was_verified
    group by all
),

withdrawal as (
    select
        states.proof_of_support_id,
        min(states.from_night) as withdrawn_night,
        min(states.revoked_at) as revoked_at
    from states
    inner join verification
        on states.proof_of_support_id = verification.proof_of_support_id
    where states.status <> 'verified' and states.from_night >= verification.verified_night
    group by all
),

last_states as (
    select * from numbered
    where recency = 1
),

vanished as (
    select
        last_states.proof_of_support_id,
        last_states.to_night as vanished_night
    from last_states
    inner join members
        on
            last_states.user_id = members.user_id
            and members.from_night <= last_states.to_night
            and coalesce(members.to_night, date '9999-12-31') > last_states.to_night
),

proofs as (
    select
        last_states.proof_of_support_id,
        last_states.tie_order,
        last_states.user_id,
        coalesce(verification.delivery_id, last_states.delivery_id) as delivery_id,
        verification.verified_at is not null as is_verified,
        coalesce(verification.verified_at, last_states.created_at) as occurred_at,
        coalesce(verification.verified_night, last_states.from_night) as export_date,
        {{ stable_id([
            'last_states.kind', 'coalesce(last_states.event_id, last_states.project_id, last_states.artist_band_id)'
        ]) }} as once_id,
        last_states.event_id,
        last_states.project_id,
        last_states.artist_band_id,
        case
            when verification.verified_at is null then null
            when withdrawal.proof_of_support_id is not null
                then coalesce(withdrawal.revoked_at, {{ end_of_day('withdrawal.withdrawn_night') }})
            else {{ end_of_day('vanished.vanished_night') }}
        end as reversed_at
    from last_states
    left join verification
        on last_states.proof_of_support_id = verification.proof_of_support_id
    left join withdrawal
        on last_states.proof_of_support_id = withdrawal.proof_of_support_id
    left join vanished
        on last_states.proof_of_support_id = vanished.proof_of_support_id
)

select
    {{ act_columns(
        'proof_of_support', 'proof_of_support', 'proof_of_support_id', 'tie_order', 'user_id', 'occurred_at',
        'export_date', 'delivery_id', once_id='once_id', event_id='event_id', project_id='project_id',
        artist_band_id='artist_band_id', is_verified='is_verified',
        reversed_at='case when reversed_at < occurred_at then occurred_at else reversed_at end'
    ) }}
from proofs
