with proofs as (
    select * from {{ ref('stg_proof_of_support') }}
)

select
    'proof_of_support' as rule_id,
    user_id,
    case when status = 'verified' then coalesce(verified_at, updated_at) else created_at end as occurred_at,
    'proof_of_support' as source_table,
    proof_of_support_id as source_id,
    cast(null as uuid) as scene_id,
    export_date,
    status = 'verified' as is_verified,
    cast(null as uuid) as once_id
from proofs
