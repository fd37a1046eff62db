{#-
    Which delivered row stands. Rows of the same key are versions of one thing:
    - the content of the last delivery stands; if it was delivered several times, its earliest delivery is `accepted`
      and the others are `duplicate`;
    - every other version is `superseded`.
    Append tables settle over all nights up to the as-of night, snapshots within each night.
    Most keys are delivered once. So only the rows of the others are sorted.
-#}

{% macro settled_rows(table, kind, changed_since=none) -%}
    {%- set key = ['id'] if kind == 'append' else ['night', 'id'] -%}
    {%- set delivered -%}
        from {{ source('raw', table) }}
        where
            night <= (select as_of_date from {{ ref('as_of') }})
            {%- if changed_since is not none %}
            and id in (
                select id
                from {{ source('raw', table) }}
                where
                    night <= (select as_of_date from {{ ref('as_of') }})
                    and delivery_id not in (select delivery_id from {{ changed_since }})
            )
            {%- endif %}
    {%- endset -%}
    select
        delivered.*,
        coalesce(repeated.row_status, 'accepted') as row_status
    from (
        select *
        {{ delivered }}
    ) as delivered
    left join (
        select
            delivery_id,
            row_number,
            case
                when row_hash <> first_value(row_hash) over (
                    partition by {{ key | join(', ') }}
                    order by night desc, part desc, row_number desc
                ) then 'superseded'
                when row_number() over (
                    partition by {{ key | join(', ') }}, row_hash
                    order by night, part, row_number
                ) = 1 then 'accepted'
                else 'duplicate'
            end as row_status
        {{ delivered }}
            and ({{ key | join(', ') }}) in (
                select {{ key | join(', ') }}
                {{ delivered }}
                group by all
                having count(*) > 1
            )
    ) as repeated
        on delivered.delivery_id = repeated.delivery_id and delivered.row_number = repeated.row_number
{%- endmacro %}


{#- The rows of an append table that stand. An incremental model settles anew only the keys that occur in
    deliveries of which it holds no row. Any other change (a corrected night, an earlier as-of) causes a full build. -#}
{% macro standing_rows(table, incremental=false) -%}
    select *
    from (
        {{ settled_rows(table, 'append', this if incremental and adds_to_earlier() else none) | indent(8) }}
    ) as settled
    where row_status = 'accepted'
{%- endmacro %}


{#- The rows of a snapshot table on the latest night it was accepted. -#}
{% macro current_rows(table) -%}
    select *
    from (
        {{ settled_rows(table, 'snapshot') | indent(8) }}
    ) as settled
    where
        row_status = 'accepted'
        and night = (
            select max(night)
            from {{ ref('delivery') }}
            where table_name = '{{ table }}' and status = 'accepted'
        )
{%- endmacro %}


{#- Every state in which a row of a snapshot table was delivered, with the nights it held. A row that is missing
    from an accepted snapshot is gone from that night on; nights not delivered change nothing. -#}
{% macro history_rows(table) -%}
    select
        *,
        night as from_night,
        case when is_last then next_night else next_night_of_last end as to_night
    from (
        select
            *,
            lead(next_night) over (partition by id order by night) as next_night_of_last
        from (
            select
                settled.*,
                nights.next_night,
                not (
                    lag(settled.night) over by_night is not distinct from nights.previous_night
                    and lag(settled.row_hash) over by_night is not distinct from settled.row_hash
                ) as is_first,
                not (
                    lead(settled.night) over by_night is not distinct from nights.next_night
                    and lead(settled.row_hash) over by_night is not distinct from settled.row_hash
                ) as is_last
            from (
                {{ settled_rows(table, 'snapshot') | indent(16) }}
            ) as settled
            inner join {{ ref('snapshot_night') }} as nights
                on settled.night = nights.night and nights.table_name = '{{ table }}'
            where settled.row_status = 'accepted'
            window by_night as (partition by settled.id order by settled.night)
        ) as marked
        where is_first or is_last
    ) as first_and_last
    where is_first
{%- endmacro %}
