with standing as (
    {{ current_rows('artist_band_members') }}
)

select
    id as artist_band_member_id,
    artistBandId as artist_band_id,
    userId as user_id,
    role,
    createdAt as created_at,
    night as export_date
from standing
