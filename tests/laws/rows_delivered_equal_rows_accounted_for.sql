{#- Law 1. Rows in every accepted delivery = accepted + duplicate + superseded + rejected, and the staged tables hold
    exactly the accepted ones. Otherwise rows were lost or counted twice between a file and the warehouse. -#}
{{ config(meta={'dagster': {'ref': {'name': 'row_account'}}}) }}

with account as (
    select * from {{ ref('row_account') }}
    where status = 'accepted'
),

staged as (
    {% for model in [
        'stg_track_engagements', 'stg_track_votes', 'stg_signal_actions', 'stg_follows',
        'stg_community_activation_audits', 'stg_event_attendances', 'stg_project_supports',
        'stg_pioneer_referrals'
    ] %}
    {%- if not loop.first %}
    union all
    {% endif -%}
    select
        delivery_id,
        count(*) as rows_staged
    from {{ ref(model) }}
    group by all
    {%- endfor %}
)

select
    coalesce(account.delivery_id, staged.delivery_id) as delivery_id,
    account.table_name,
    account.night,
    account.part,
    account.rows_delivered,
    account.rows_accepted,
    account.rows_duplicate,
    account.rows_superseded,
    account.rows_rejected,
    staged.rows_staged
from account
full outer join staged
    on account.delivery_id = staged.delivery_id
where
    account.delivery_id is null
    or account.rows_delivered is distinct from
    account.rows_accepted + account.rows_duplicate + account.rows_superseded + account.rows_rejected
    or staged.rows_staged <> account.rows_accepted
