{%- set append_tables = [
    'activity_point_adjustments',
    'collection_items',
    'community_activation_audits',
    'community_members',
    'event_attendances',
    'follows',
    'pioneer_referrals',
    'project_supports',
    'signal_actions',
    'track_engagements',
    'track_votes',
    'user_tags',
] -%}
{%- set snapshot_tables = [
    'artist_band_members',
    'artist_bands',
    'collections',
    'communities',
    'events',
    'fair_play_config',
    'projects',
    'proof_of_support',
    'registrar_artist_members',
    'registrar_entries',
    'release_deck_schedules',
    'rotation_entries',
    'sect_tags',
    'sects',
    'signals',
    'tracks',
    'user_capability_grants',
    'users',
] -%}

with delivery as (
    select * from {{ ref('delivery') }}
),

settled as (
    {% for table in append_tables + snapshot_tables %}
    {%- if not loop.first %}
    union all
    {% endif -%}
    select
        delivery_id,
        count(*) filter (where row_status = 'accepted') as rows_accepted,
        count(*) filter (where row_status = 'duplicate') as rows_duplicate,
        count(*) filter (where row_status = 'superseded') as rows_superseded
    from (
        {{ settled_rows(table, 'append' if table in append_tables else 'snapshot') | indent(8) }}
    ) as {{ table }}
    group by all
    {%- endfor %}
)

select
    delivery.delivery_id,
    delivery.table_name,
    delivery.night,
    delivery.part,
    delivery.status,
    delivery.reason,
    delivery.rows_delivered,
    case
        when delivery.rows_delivered is not null
            then coalesce(delivery.rows_accepted, settled.rows_accepted, 0)
    end as rows_accepted,
    case
        when delivery.rows_delivered is not null
            then coalesce(delivery.rows_duplicate, settled.rows_duplicate, 0)
    end as rows_duplicate,
    case
        when delivery.rows_delivered is not null
            then coalesce(delivery.rows_superseded, settled.rows_superseded, 0)
    end as rows_superseded,
    delivery.rows_rejected
from delivery
left join settled
    on delivery.delivery_id = settled.delivery_id
