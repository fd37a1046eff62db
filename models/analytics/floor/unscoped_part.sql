with scope as (
    select * from {{ ref('scope') }}
)

select
    unscoped.scope_id,
    part.scope_id as part_id
from scope as unscoped
inner join scope as part
    on
        (part.tier = 'national' and part.is_unscoped)
        or (part.tier = 'city' and part.music_community is not null and part.state is null)
where unscoped.tier = 'state' and unscoped.is_unscoped
