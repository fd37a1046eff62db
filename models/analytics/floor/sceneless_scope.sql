with scope as (
    select * from {{ ref('scope') }}
),

scene as (
    select * from {{ ref('scene') }}
),

scene_scope as (
    select * from {{ ref('scene_scope') }}
)

select scope.scope_id
from scope
cross join scene
left join scene_scope
    on scene.scene_id = scene_scope.scene_id and scope.tier = scene_scope.tier
where scope.is_unscoped
group by scope.scope_id
having count(*) = count(scene_scope.scene_id)
