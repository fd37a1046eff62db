select * from {{ ref('stg_communities_history') }}
where to_night is null
