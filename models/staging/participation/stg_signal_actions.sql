{{ config(
    materialized='incremental',
    unique_key='signal_action_id',
    incremental_strategy='delete+insert'
) }}

with standing as (
    {{ standing_rows('signal_actions', incremental=true) }}
)

select
    id as signal_action_id,
    type as action_type,
    userId as user_id,
    signalId as signal_id,
    createdAt as created_at,
    night as export_date,
    delivery_id,
    tie_order
from standing
