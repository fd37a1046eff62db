{#- The slices that a table of slices does not hold as they are now (`trend_slice`). -#}
{% macro slices_to_make() -%}
    select * from {{ ref('trend_slice') }}
    {%- if adds_to_earlier() %}
    where made_of not in (select made_of from {{ this }})
    {%- endif %}
{%- endmacro %}


{#- Whether a row is of one of these. There are few, so DuckDB need not look at the others. -#}
{% macro is_of_a_slice_to_make() -%}
    made_of in (select made_of from ({{ slices_to_make() }}) as slices)
{%- endmacro %}


{#- Before these are added: without the slices that are made of something else now, or are no more. -#}
{% macro forget_changed_slices() -%}
    {%- set slices = ref('trend_slice') -%}
    {%- if adds_to_earlier() -%}
        delete from {{ this }} where made_of not in (select made_of from {{ slices }})
    {%- endif -%}
{%- endmacro %}


{#- What a cell of the trends is about, whatever the scope: the group that decides, the subject, and the period. -#}
{% macro trend_key(cohort_group, subject_id, period, starts_on) -%}
    {{ stable_id([cohort_group, subject_id, period, starts_on]) }}
{%- endmacro %}


{#- Stands for the cell of a week that has not ended. -#}
{% macro week_to_come() -%}
    {{ stable_id(["'a week to come'"]) }}
{%- endmacro %}


{#- In how many steps the cells of the trends are decided, one after the other (`trend_cell`). -#}
{% macro trend_steps() -%}
    {{ return(4) }}
{%- endmacro %}


{#- The cells of one step, and whether they are withheld. Another tells a cell if the cell stands after it (`trend_after`)
    and it is withheld in that scope, or would be if it had a row. -#}
{% macro trend_decision(step) -%}
with cells_of_step as (
    select * from {{ ref('trend_cell') }}
    where
        step = {{ step }}
        {%- if adds_to_earlier() %}
        and {{ is_of_a_slice_to_make() }}
        {%- endif %}
),

privacy_floor as (
    select * from {{ ref('privacy_floor') }}
),
{%- if step > 1 %}

decided_before as (
    {% for earlier in range(1, step) -%}
    select * from {{ ref('trend_decision_' ~ earlier) }}
    {%- if adds_to_earlier() %}
    where cell_key in (
        select trend_after.after_key
        from {{ ref('trend_after') }} as trend_after
        inner join cells_of_step
            on trend_after.cell_key = cells_of_step.cell_key
    )
    {%- endif %}
    {%- if not loop.last %}
    union all
    {% endif -%}
    {%- endfor %}
),

told as (
    select
        cells_of_step.cell_key,
        cells_of_step.scope_id,
        bool_or(
            privacy_floor.floor_people > 0
            and (
                coalesce(others.is_withheld, sceneless_scope.scope_id is null)
                or trend_after.after_key = {{ week_to_come() }}
            )
        ) as is_told
    from cells_of_step
    cross join privacy_floor
    inner join {{ ref('trend_after') }} as trend_after
        on cells_of_step.cell_key = trend_after.cell_key
    left join decided_before as others
        on trend_after.after_key = others.cell_key and cells_of_step.scope_id = others.scope_id
    left join {{ ref('sceneless_scope') }} as sceneless_scope
        on cells_of_step.scope_id = sceneless_scope.scope_id
    group by all
),
{%- endif %}

{{ decided_of_step(step, carried=['made_of']) }}
{%- endmacro %}


{#- Joins the decision about a group of a relation with one row per period and scope, and perhaps subject. -#}
{% macro join_trend_decision(relation, cohort_group, alias, subject_id='null') -%}
    left join {{ ref('trend_shown') }} as {{ alias }}
        on
            {{ trend_key(
                "'" ~ cohort_group ~ "'", subject_id, relation ~ '.period', relation ~ '.starts_on'
            ) | indent(12) }} = {{ alias }}.cell_key
            and {{ relation }}.scope_id = {{ alias }}.scope_id
{%- endmacro %}


{#- After how many months a cohort is looked at again. -#}
{% macro cohort_months() -%}
    {{ return([1, 2, 3, 6, 12]) }}
{%- endmacro %}


{#- The columns that count who of a cohort is active then (`cohort_period`). -#}
{% macro cohort_counts() -%}
    {%- set counts = [] -%}
    {%- for months in cohort_months() -%}
        {%- do counts.append('active_after_' ~ months ~ 'm') -%}
    {%- endfor -%}
    {{ return(counts) }}
{%- endmacro %}


{#- All tracks of an artist together tell what the artist's row does not. So beside a track that is withheld, heard or not,
    another is, and together they are enough people. -#}
{% macro beside_others(cells) -%}
    select
        *,
        is_small
        or (
            turn = 1
            and small_tracks > 0
            and floor_people > 0
            and (small_tracks = 1 or people_of_small < floor_people)
        ) as is_withheld
    from (
        select
            *,
            sum(case when is_small then 1 else 0 end) over family as small_tracks,
            sum(case when is_small then listeners else 0 end) over family as people_of_small,
            row_number() over (
                partition by artist_band_id, starts_on, is_small
                order by listeners, track_id
            ) as turn
        from {{ cells }}
        window family as (partition by artist_band_id, starts_on)
    ) as families
{%- endmacro %}


{#- What a day of listening tells (`listening_day`). -#}
{% macro heard_numbers() -%}
    {{ return([
        'engagement_points', 'listens', 'full_listens', 'majority_listens', 'partial_listens', 'skips'
    ]) }}
{%- endmacro %}


{#- Whether the week of a month's last day has not ended by as-of. -#}
{% macro ends_in_a_week_to_come(months) -%}
    date_trunc('week', cast({{ months }}.ends_before as timestamp) - interval '1 day')
    > {{ days_before('as_of.as_of', 7) }}
{%- endmacro %}


{#- Joins a relation with the periods in which a day of it lies: with all, or with those of some `days`. -#}
{% macro join_period(facts, day, days=none) -%}
    inner join {{ days or ref('period_day') }} as periods
        on {{ facts }}.{{ day }} = periods.day
{%- endmacro %}


{#- What happens in scenes that the floor does not touch (`count_day`). -#}
{% macro scene_counts() -%}
    {{ return([
        'votes', 'adds', 'blasts', 'recommends', 'signal_actions', 'events_created', 'events_hosted',
        'verified_attendance', 'songs_entered_rotation'
    ]) }}
{%- endmacro %}
