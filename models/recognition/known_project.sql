with states as (
    select * from {{ ref('stg_projects_history') }}
)

select
    project_id,
    max_by(created_by_user_id, from_night) filter (where created_by_user_id is not null)
        as created_by_user_id,
    max_by(created_at, from_night) filter (where created_at is not null) as created_at,
    min(from_night) as export_date,
    min_by(delivery_id, from_night) filter (where delivery_id is not null) as delivery_id
from states
group by all
