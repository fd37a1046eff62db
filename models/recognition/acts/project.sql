with supports as (
    select * from {{ ref('stg_project_supports') }}
),

projects as (
    select * from {{ ref('known_project') }}
)

select
    {{ act_columns(
        'project_support', 'project_supports', 'supports.project_support_id', 'supports.tie_order',
        'supports.user_id', 'supports.created_at', 'supports.export_date', 'supports.delivery_id',
        project_id='supports.project_id'
    ) }}
from supports
union all
select
    {{ act_columns(
        'project_founding', 'projects', 'project_id', 'project_id', 'created_by_user_id', 'created_at',
        'export_date', 'delivery_id', once_id='project_id'
    ) }}
from projects
