{#- Law 6. Exported recurrence scores re-derive from engagement alone. A mismatch is a finding about the platform:
    published with its rows named and warned about, never blocking. -#}
{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'rotation_recurrence'}}}) }}

select *
from {{ ref('rotation_recurrence') }}
where verdict = 'mismatch'
