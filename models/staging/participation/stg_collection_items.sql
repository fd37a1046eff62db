with standing as (
    {{ standing_rows('collection_items') }}
)

select
    id as collection_item_id,
    collectionId as collection_id,
    signalId as signal_id,
    createdAt as created_at,
    night as export_date,
    delivery_id
from standing
