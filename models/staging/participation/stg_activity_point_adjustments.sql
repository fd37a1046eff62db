with standing as (
    {{ standing_rows('activity_point_adjustments') }}
)

select
    id as activity_point_adjustment_id,
    userId as user_id,
    points,
    decidedById as decided_by_user_id,
    createdAt as created_at,
    night as export_date,
    delivery_id,
    tie_order
from standing
