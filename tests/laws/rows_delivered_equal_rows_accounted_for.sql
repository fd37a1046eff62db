{#- Law 1. Rows in every accepted delivery = accepted + duplicate + superseded + rejected, and every rejected row is
    shown. Otherwise rows were lost or counted twice between a file and the warehouse. -#}
{{ config(meta={'dagster': {'ref': {'name': 'row_account'}}}) }}

with account as (
    select * from {{ ref('row_account') }}
    where status = 'accepted'
),

rejected as (
    select
        delivery_id,
        count(*) as rows_shown
    from {{ ref('rejected_row') }}
    group by all
)

select
    account.delivery_id,
    account.table_name,
    account.night,
    account.part,
    account.rows_delivered,
    account.rows_accepted,
    account.rows_duplicate,
    account.rows_superseded,
    account.rows_rejected,
    rejected.rows_shown
from account
left join rejected
    on account.delivery_id = rejected.delivery_id
where
    account.rows_delivered is distinct from
    account.rows_accepted + account.rows_duplicate + account.rows_superseded + account.rows_rejected
    or account.rows_rejected is distinct from coalesce(rejected.rows_shown, 0)
