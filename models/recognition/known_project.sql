with states as (
    select
        *,
        row_number() over (partition by project_id order by from_night desc) as recency
    from {{ ref('stg_projects_history') }}
)

select
    project_id,
    created_by_user_id,
    created_at,
    from_night as export_date,
    delivery_id
from states
where recency = 1
