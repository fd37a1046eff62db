{#- The columns that every act has. An arm names those that it has; the others are null. Its tie_order is that of the
    source row. If the row belongs to no member, it is the row's id, because only ids of members' rows change in an
    erasure. -#}
{% macro act_columns(
    rule_id, source_table, source_id, tie_order, user_id, occurred_at, export_date, delivery_id,
    credited_source_id='null', scene_id='null', once_id='null', signal_id='null', event_id='null', project_id='null',
    artist_band_id='null', counterpart_user_id='null', claimed_points='null', is_verified='true', reversed_at='null'
) -%}
    '{{ rule_id }}' as rule_id,
    '{{ source_table }}' as source_table,
    {{ source_id }} as source_id,
    {{ tie_order }} as tie_order,
    {{ user_id }} as user_id,
    {{ occurred_at }} as occurred_at,
    {{ export_date }} as export_date,
    {{ delivery_id }} as delivery_id,
    cast({{ credited_source_id }} as {{ id_type() }}) as credited_source_id,
    cast({{ scene_id }} as {{ id_type() }}) as scene_id,
    cast({{ once_id }} as {{ id_type() }}) as once_id,
    cast({{ signal_id }} as {{ id_type() }}) as signal_id,
    cast({{ event_id }} as {{ id_type() }}) as event_id,
    cast({{ project_id }} as {{ id_type() }}) as project_id,
    cast({{ artist_band_id }} as {{ id_type() }}) as artist_band_id,
    cast({{ counterpart_user_id }} as {{ id_type() }}) as counterpart_user_id,
    cast({{ claimed_points }} as integer) as claimed_points,
    {{ is_verified }} as is_verified,
    cast({{ reversed_at }} as timestamp) as reversed_at
{%- endmacro %}
