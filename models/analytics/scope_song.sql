with entries as (
    select * from {{ ref('stg_rotation_entries') }}
),

scoped as (
    {{ scoped('entries') | indent(4) }}
)

select distinct
    tier,
    scope_id,
    track_id
from scoped
