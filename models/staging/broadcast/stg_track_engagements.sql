{{ config(
    materialized='incremental',
    unique_key='track_engagement_id',
    incremental_strategy='delete+insert'
) }}

with standing as (
    {{ standing_rows('track_engagements', incremental=true) }}
)

select
    id as track_engagement_id,
    userId as user_id,
    trackId as track_id,
    type as engagement_type,
    score,
    createdAt as created_at,
    session_id,
    night as export_date,
    delivery_id
from standing
