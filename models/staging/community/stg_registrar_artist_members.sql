with standing as (
    {{ current_rows('registrar_artist_members') }}
)

select
    id as registrar_artist_member_id,
    registrarEntryId as registrar_entry_id,
    existingUserId as existing_user_id,
    claimedUserId as claimed_user_id,
    inviteStatus as invite_status,
    createdAt as created_at,
    instrument,
    night as export_date
from standing
