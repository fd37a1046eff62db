select * from {{ ref('stg_projects_history') }}
where to_night is null
