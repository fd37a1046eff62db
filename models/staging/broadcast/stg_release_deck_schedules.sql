with standing as (
    {{ current_rows('release_deck_schedules') }}
)

select
    id as release_deck_schedule_id,
    trackId as track_id,
    communityId as community_id,
    artistBandId as artist_band_id,
    scheduledFor as scheduled_for,
    assignmentMode as assignment_mode,
    requestedFor as requested_for,
    status,
    createdAt as created_at,
    night as export_date
from standing
