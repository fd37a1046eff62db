with adjustments as (
    select * from {{ ref('stg_activity_point_adjustments') }}
)

select
    {{ act_columns(
        'adjustment', 'activity_point_adjustments', 'activity_point_adjustment_id', 'tie_order', 'user_id',
        'created_at', 'export_date', 'delivery_id', claimed_points='points'
    ) }}
from adjustments
