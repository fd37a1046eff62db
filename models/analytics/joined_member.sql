with memberships as (
    select * from {{ ref('stg_community_members') }}
),

users as (
    select * from {{ ref('stg_users') }}
)

select
    memberships.community_id as scene_id,
    memberships.user_id,
    min(memberships.joined_at) as joined_at
from memberships
inner join users
    on memberships.user_id = users.user_id
group by all
