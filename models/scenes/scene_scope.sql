with scene as (
    select * from {{ ref('scene') }}
),

scope as (
    select * from {{ ref('scope') }}
)

select
    scene.scene_id,
    scope.tier,
    scope.scope_id
from scene
inner join scope
    on
        not scope.is_unscoped
        and (scope.tier = 'national' or scene.state is not distinct from scope.state)
        and (scope.tier <> 'city' or scene.scene_id = scope.scene_id)
        and scene.music_community is not distinct from scope.music_community
