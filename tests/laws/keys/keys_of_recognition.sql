{{ config(group='recognition', meta={'dagster': {'ref': {'name': 'ledger'}}}) }}

{{ repeated_keys({
    'act': ['act_id'],
    'contributor_change': ['scope_id', 'happened_on'],
    'ledger': ['ledger_id'],
    'member_change': ['scope_id', 'happened_on'],
    'scope_points': ['scope_id', 'occurred_on'],
    'self_award': ['act_id']
}) }}
