with history as (
    {{ history_rows('signals') }}
)

select
    id as signal_id,
    type as signal_type,
    metadata,
    communityId as community_id,
    createdById as created_by_user_id,
    createdAt as created_at,
    from_night,
    to_night
from history
