{%- set slots = [
    {'name': 'rotation_slots_occupied', 'column': 'occupied', 'coverage': 'naming_artist / songs'},
    {'name': 'slot_utilisation_share', 'numerator': 'occupied', 'denominator': 'slots',
     'coverage': 'naming_artist / songs'},
    {'name': 'slot_saturation_share', 'numerator': 'saturated', 'denominator': 'artists',
     'coverage': 'naming_artist / songs'},
] -%}
{%- set congestion = [
    {'name': 'broadcast_congestion_ratio', 'numerator': 'scheduled_releases',
     'denominator': 'active_new_count', 'coverage': 'with_schedule / new_releases'},
] -%}

with entries as (
    select
        entries.*,
        tracks.artist_band_id,
        schedules.track_id is not null as has_schedule
    from {{ ref('stg_rotation_entries') }} as entries
    left join {{ ref('stg_tracks') }} as tracks
        on entries.track_id = tracks.track_id
    left join (
        select distinct track_id
        from {{ ref('stg_release_deck_schedules') }}
    ) as schedules
        on entries.track_id = schedules.track_id
),

scheduled as (
    select
        release_deck_schedule_id,
        community_id as scene_id
    from {{ ref('stg_release_deck_schedules') }}
    where status = 'scheduled'
),

waits as (
    select
        entries.scene_id,
        entries.entered_pool_at,
        greatest(0, {{ days_apart(
            'cast(coalesce(schedules.requested_for, schedules.created_at) as date)',
            'cast(entries.entered_pool_at as date)'
        ) }}) as days
    from entries
    inner join {{ ref('stg_release_deck_schedules') }} as schedules
        on entries.track_id = schedules.track_id and entries.scene_id = schedules.community_id
),

active_new_counts as (
    select * from {{ ref('counts') }}
    where metric = 'active_new_count' and window_days is null
),

thresholds as (
    select
        max(try_cast(value as integer)) filter (where metric = 'rotation_slots_occupied') as slots_to_occupy,
        max(try_cast(value as integer)) filter (where metric = 'slot_utilisation_share') as slots_to_use,
        max(try_cast(value as integer)) filter (where metric = 'slot_saturation_share') as slots_to_fill
    from {{ ref('metric_threshold') }}
    where threshold = 'slots_per_source'
),

scope_windows as (
    {{ scope_windows() | indent(4) }}
),

scoped_entries as (
    {{ scoped('entries') | indent(4) }}
),

scoped_scheduled as (
    {{ scoped('scheduled') | indent(4) }}
),

scoped_waits as (
    {{ scoped('waits') | indent(4) }}
),

songs_of_artists as (
    select
        scope_id,
        artist_band_id,
        count(distinct track_id) as songs
    from scoped_entries
    where artist_band_id is not null
    group by all
),

slots_by_scope as (
    select
        songs_of_artists.scope_id,
        sum(least(songs_of_artists.songs, thresholds.slots_to_occupy)) as occupied,
        sum(thresholds.slots_to_use) as slots,
        count(*) filter (where songs_of_artists.songs >= thresholds.slots_to_fill) as saturated,
        count(*) as artists
    from songs_of_artists
    cross join thresholds
    group by all
),

entries_by_scope as (
    select
        scope_id,
        count(distinct track_id) as songs,
        count(distinct track_id) filter (where artist_band_id is not null) as naming_artist,
        count(*) filter (where pool = 'NEW_RELEASES') as new_releases,
        count(*) filter (where pool = 'NEW_RELEASES' and has_schedule) as with_schedule,
        max(new_window_days) filter (where pool = 'NEW_RELEASES') as new_window_days
    from scoped_entries
    group by all
),

scheduled_by_scope as (
    select
        scope_id,
        count(*) as scheduled_releases
    from scoped_scheduled
    group by all
),

on_the_night as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        coalesce(slots_by_scope.occupied, 0) as occupied,
        slots_by_scope.slots,
        slots_by_scope.saturated,
        slots_by_scope.artists,
        entries_by_scope.songs,
        entries_by_scope.naming_artist,
        nullif(entries_by_scope.new_releases, 0) as new_releases,
        entries_by_scope.with_schedule,
        entries_by_scope.new_window_days,
        coalesce(scheduled_by_scope.scheduled_releases, 0) as scheduled_releases,
        active_new_counts.value as active_new_count
    from scope_windows
    left join slots_by_scope
        on scope_windows.scope_id = slots_by_scope.scope_id
    left join entries_by_scope
        on scope_windows.scope_id = entries_by_scope.scope_id
    left join scheduled_by_scope
        on scope_windows.scope_id = scheduled_by_scope.scope_id
    left join active_new_counts
        on scope_windows.scope_id = active_new_counts.scope_id
    where scope_windows.window_days is null
),

new_windows as (
    select * from on_the_night
    where new_window_days is not null
),

waits_by_scope as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        sum(scoped_waits.days) as days,
        count(*) as entries
    from scope_windows
    inner join scoped_waits
        on
            scope_windows.scope_id = scoped_waits.scope_id
            and scoped_waits.entered_pool_at >= scope_windows.starts_at
            and scoped_waits.entered_pool_at < scope_windows.as_of
    group by all
)

{{ unpivoted('on_the_night', slots + congestion) }}
union all
{{ unpivoted('new_windows', [{'name': 'new_window_days'}]) }}
union all
{{ unpivoted('waits_by_scope', [
    {'name': 'release_wait_days_avg', 'numerator': 'days', 'denominator': 'entries'}
]) }}
