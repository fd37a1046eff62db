with open_states as (
    select * from {{ ref('stg_users_history') }}
    where to_night is null
),

erased as (
    select distinct pseudonym from {{ source('raw', 'erased') }}
)

select
    open_states.*,
    erased.pseudonym is not null as is_erased
from open_states
left join erased
    on open_states.user_id = erased.pseudonym
