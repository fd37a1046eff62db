with scope as (
    select * from {{ ref('scope') }}
)

select
    child.scope_id,
    parent.scope_id as parent_id,
    1 as depth
from scope as child
inner join scope as parent
    on parent.tier = 'platform'
where child.tier = 'national'
union all
-- A scene that no state holds lies at once in its music community, or in none.
select
    child.scope_id,
    parent.scope_id as parent_id,
    2 as depth
from scope as child
inner join scope as parent
    on
        parent.tier = 'national'
        and child.music_community is not distinct from parent.music_community
where
    (child.tier = 'state' and not child.is_unscoped)
    or (child.tier = 'city' and (child.state is null or child.music_community is null))
union all
select
    child.scope_id,
    parent.scope_id as parent_id,
    3 as depth
from scope as child
inner join scope as parent
    on
        parent.tier = 'state'
        and child.state = parent.state
        and child.music_community = parent.music_community
where child.tier = 'city'
