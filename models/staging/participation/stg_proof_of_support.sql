select * from {{ ref('stg_proof_of_support_history') }}
where to_night is null
