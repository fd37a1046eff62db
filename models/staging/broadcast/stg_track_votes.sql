{{ config(
    materialized='incremental',
    unique_key='track_vote_id',
    incremental_strategy='delete+insert'
) }}

with standing as (
    {{ standing_rows('track_votes', incremental=true) }}
)

select
    id as track_vote_id,
    userId as user_id,
    trackId as track_id,
    sceneId as scene_id,
    tier,
    createdAt as created_at,
    night as export_date,
    delivery_id
from standing
