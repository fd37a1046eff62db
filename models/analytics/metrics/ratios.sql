with ratios as (
    select * from {{ ref('metric_ratio') }}
),

is_of_the_night as (
    select
        metric,
        windows = 'point_in_time' as is_point_in_time
    from {{ ref('metric') }}
    union all
    select
        metric,
        is_point_in_time
    from {{ ref('metric_part') }}
),

numbers as (
    select
        every_number.*,
        is_of_the_night.is_point_in_time
    from (
        {%- for model in ['counts', 'listening', 'people'] %}
        select * from {{ ref(model) }}
        where subject_type = 'scene'
        {%- if not loop.last %}
        union all
        {%- endif %}
        {%- endfor %}
    ) as every_number
    inner join is_of_the_night
        on every_number.metric = is_of_the_night.metric
    where every_number.window_days is null or not is_of_the_night.is_point_in_time
),

-- A number of any window is divided by what is so on the night, never the other way round.
beside as (
    select
        numbers.metric,
        numbers.scope_id,
        windows.window_days,
        numbers.value,
        numbers.cohort_size
    from numbers
    inner join {{ ref('summary_window') }} as windows
        on numbers.is_point_in_time or numbers.window_days is not distinct from windows.window_days
)

select
    numerators.tier,
    numerators.scope_id,
    numerators.window_days,
    'scene' as subject_type,
    numerators.scope_id as subject_id,
    ratios.metric,
    cast(null as string) as bucket,
    ratios.factor * numerators.value / denominators.value as value,
    {{ whole('ratios.factor * numerators.value') }} as numerator,
    {{ whole('denominators.value') }} as denominator,
    cast(null as double) as coverage,
    cohorts.cohort_size
from ratios
inner join numbers as numerators
    on ratios.numerator = numerators.metric
inner join beside as denominators
    on
        ratios.denominator = denominators.metric
        and numerators.scope_id = denominators.scope_id
        and numerators.window_days is not distinct from denominators.window_days
left join beside as cohorts
    on
        ratios.cohort = cohorts.metric
        and numerators.scope_id = cohorts.scope_id
        and numerators.window_days is not distinct from cohorts.window_days
where denominators.value > 0
