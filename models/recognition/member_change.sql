with home_scene as (
    select * from {{ ref('home_scene') }}
),

scoped_homes as (
    {{ scoped('home_scene') | indent(4) }}
),

changes as (
    select
        scope_id,
        member_from as happened_on,
        1 as change
    from scoped_homes
    union all
    select
        scope_id,
        member_to as happened_on,
        -1 as change
    from scoped_homes
    where member_to is not null
)

select
    scope_id,
    happened_on,
    sum(change) as members
from changes
group by all
having sum(change) <> 0
