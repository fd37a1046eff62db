{#- Law 1, inside the warehouse. The staged tables hold exactly the rows that the account calls accepted. Otherwise
    the numbers would rest on other rows than the account shows. -#}
{{ config(meta={'dagster': {'ref': {'name': 'row_account'}}}) }}
{%- set event_tables = [
    'track_engagements', 'track_votes', 'signal_actions', 'follows', 'collection_items', 'community_members',
    'user_tags', 'community_activation_audits', 'event_attendances', 'project_supports', 'pioneer_referrals',
    'activity_point_adjustments'
] %}

with account as (
    select * from {{ ref('row_account') }}
    where status = 'accepted'
),

staged as (
    {% for table in event_tables %}
    {%- if not loop.first %}
    union all
    {% endif -%}
    select
        delivery_id,
        count(*) as rows_staged
    from {{ ref('stg_' ~ table) }}
    group by all
    {%- endfor %}
)

select
    coalesce(account.delivery_id, staged.delivery_id) as delivery_id,
    account.table_name,
    account.night,
    account.part,
    account.rows_accepted,
    staged.rows_staged
from account
full outer join staged
    on account.delivery_id = staged.delivery_id
where
    account.delivery_id is null
    or (
        account.table_name in (
            {%- for table in event_tables %}
            '{{ table }}'{% if not loop.last %},{% endif %}
            {%- endfor %}
        )
        and account.rows_accepted is distinct from coalesce(staged.rows_staged, 0)
    )
