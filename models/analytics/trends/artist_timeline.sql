{%- set is_aware %}weeks.is_aware_shown
            and weeks.starts_on >= cast(date_trunc('week', artists.created_at) as date){% endset -%}
with weeks as (
    select * from {{ ref('artist_shown') }}
    where period = 'week'
),

markers as (
    select * from {{ ref('artist_marker') }}
),

artists as (
    select * from {{ ref('stg_artist_bands') }}
),

scene_weeks as (
    select * from {{ ref('scene_period') }}
    where period = 'week'
),

as_of as (
    select * from {{ ref('as_of') }}
),

thresholds as (
    select try_cast(value as integer) as least
    from {{ ref('metric_threshold') }}
    where metric = 'activity_weekly_band' and threshold = 'timeline_bins'
),

bands as (
    select
        weeks.artist_band_id,
        weeks.scope_id,
        weeks.starts_on,
        1 + count(thresholds.least) as band
    from weeks
    left join thresholds
        on weeks.adds + weeks.blasts + weeks.listens >= thresholds.least
    where weeks.adds + weeks.blasts + weeks.listens > 0
    group by weeks.artist_band_id, weeks.scope_id, weeks.starts_on
),

shown as (
    select
        weeks.artist_band_id,
        weeks.tier,
        weeks.scope_id,
        weeks.starts_on,
        {{ if_shown('weeks.is_listeners_shown', 'weeks.listens') }} as listens,
        {{ if_shown('weeks.is_adders_shown', 'weeks.adds') }} as adds,
        weeks.blasts,
        {{ if_shown('weeks.is_people_shown', 'coalesce(bands.band, 0)') }}
            as activity_weekly_band,
        {{ if_shown(is_aware, 'weeks.aware_listeners') }} as aware_listeners,
        {{ if_shown(is_aware, 'scene_weeks.listeners') }} as scope_listeners,
        {{ if_shown(
            'weeks.is_adders_shown',
            'cast(weeks.adds_naming_artist as double) / nullif(scene_weeks.adds_at_home, 0)'
        ) }} as coverage
    from weeks
    inner join scene_weeks
        on weeks.scope_id = scene_weeks.scope_id and weeks.starts_on = scene_weeks.starts_on
    inner join artists
        on weeks.artist_band_id = artists.artist_band_id
    left join bands
        on
            weeks.artist_band_id = bands.artist_band_id
            and weeks.scope_id = bands.scope_id
            and weeks.starts_on = bands.starts_on
    where
        weeks.blasts > 0
        or weeks.is_listeners_shown
        or weeks.is_adders_shown
        or weeks.is_people_shown
        or weeks.is_aware_shown
)

select
    coalesce(shown.artist_band_id, markers.artist_band_id) as artist_band_id,
    artists.name as artist_name,
    coalesce(shown.tier, markers.tier) as tier,
    coalesce(shown.scope_id, markers.scope_id) as scope_id,
    coalesce(shown.starts_on, markers.starts_on) as starts_on,
    shown.listens,
    shown.adds,
    case
        when coalesce(shown.starts_on, markers.starts_on) + interval '1 week' <= as_of.as_of
            then coalesce(shown.blasts, 0)
    end as blasts,
    cast(shown.activity_weekly_band as bigint) as activity_weekly_band,
    {{ if_known(
        'awareness_weekly', 'cast(shown.aware_listeners as double) / nullif(shown.scope_listeners, 0)'
    ) }} as awareness_weekly,
    {{ if_known('awareness_weekly', 'shown.aware_listeners') }} as aware_listeners,
    {{ if_known('awareness_weekly', 'shown.scope_listeners') }} as scope_listeners,
    shown.coverage,
    coalesce(markers.release_markers, 0) as release_markers,
    {{ if_known('event_markers', 'coalesce(markers.event_markers, 0)') }} as event_markers,
    {{ if_known('tour_markers', 'coalesce(markers.tour_markers, 0)') }} as tour_markers
from shown
full outer join markers
    on
        shown.artist_band_id = markers.artist_band_id
        and shown.scope_id = markers.scope_id
        and shown.starts_on = markers.starts_on
inner join artists
    on coalesce(shown.artist_band_id, markers.artist_band_id) = artists.artist_band_id
cross join as_of
