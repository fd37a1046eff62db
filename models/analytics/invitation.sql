with invitations as (
    select * from {{ ref('stg_registrar_artist_members') }}
),

users as (
    select * from {{ ref('stg_users') }}
)

select
    invitations.registrar_artist_member_id,
    invitations.registrar_entry_id,
    invitations.claimed_user_id,
    coalesce(invitations.claimed_user_id, invitations.existing_user_id) as user_id,
    invitations.instrument,
    invitations.created_at,
    claiming.user_id is not null or named.user_id is not null as is_known
from invitations
left join users as claiming
    on invitations.claimed_user_id = claiming.user_id
left join users as named
    on invitations.existing_user_id = named.user_id
