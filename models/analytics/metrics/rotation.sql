{%- set main_rotation = [
    {'name': 'main_rotation_days_avg', 'numerator': 'days', 'denominator': 'entries',
     'coverage': 'ended / entries'},
    {'name': 'main_rotation_days_median', 'column': 'median_days', 'coverage': 'ended / entries'},
] -%}

with stays as (
    select * from {{ ref('rotation_stay') }}
),

-- Each entry that was ever there, as its last stay tells it. It left main rotation when it was first gone after it
-- graduated, although it may have come back.
ever as (
    select
        stays.*,
        left_main_rotation.left_on,
        {{ days_apart('cast(stays.created_at as date)', 'stays.last_night') }} as days,
        {{ days_apart(
            'cast(stays.graduated_at as date)', 'coalesce(left_main_rotation.left_on, as_of.as_of_date)'
        ) }} as main_rotation_days
    from stays
    left join (
        select
            last_stay.rotation_entry_id,
            min(stay.gone_on) as left_on
        from stays as last_stay
        inner join stays as stay
            on
                last_stay.rotation_entry_id = stay.rotation_entry_id
                and stay.gone_on >= cast(last_stay.graduated_at as date)
        where last_stay.is_last
        group by all
    ) as left_main_rotation
        on stays.rotation_entry_id = left_main_rotation.rotation_entry_id
    cross join {{ ref('as_of') }} as as_of
    where stays.is_last
),

nights as (
    select * from {{ ref('snapshot_night') }}
    where table_name = 'rotation_entries' and previous_night is not null
),

windows as (
    select * from {{ ref('summary_window') }}
),

entries as (
    select
        entries.*,
        tracks.artist_band_id
    from {{ ref('stg_rotation_entries') }} as entries
    inner join {{ ref('stg_tracks') }} as tracks
        on entries.track_id = tracks.track_id
    where tracks.artist_band_id is not null
),

scope_windows as (
    {{ scope_windows() | indent(4) }}
),

scoped_stays as (
    {{ scoped('stays') | indent(4) }}
),

scoped_ever as (
    {{ scoped('ever') | indent(4) }}
),

scoped_entries as (
    {{ scoped('entries') | indent(4) }}
),

entered as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        scoped_entries.artist_band_id,
        count(distinct scoped_entries.track_id) as songs
    from scope_windows
    inner join scoped_entries
        on
            scope_windows.scope_id = scoped_entries.scope_id
            and scoped_entries.entered_pool_at >= scope_windows.starts_at
            and scoped_entries.entered_pool_at < scope_windows.as_of
    group by all
),

-- A song is removed if none of its entries in the scope is left.
removals as (
    select
        gone.scope_id,
        gone.track_id,
        cast(gone.gone_on as timestamp) as removed_at
    from scoped_stays as gone
    left join scoped_stays as still
        on
            gone.scope_id = still.scope_id
            and gone.track_id = still.track_id
            and gone.gone_on between still.first_night and still.last_night
    where gone.gone_on is not null and still.track_id is null
),

nights_by_window as (
    select
        windows.window_days,
        count(*) as nights_compared
    from windows
    inner join nights
        on cast(nights.night as timestamp) >= windows.starts_at
    where windows.window_days is not null
    group by all
),

removed as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        coalesce(nights_by_window.nights_compared, 0) / scope_windows.window_days as nights_seen,
        count(distinct removals.track_id) as songs
    from scope_windows
    left join removals
        on
            scope_windows.scope_id = removals.scope_id
            and removals.removed_at >= scope_windows.starts_at
    left join nights_by_window
        on scope_windows.window_days = nights_by_window.window_days
    where scope_windows.window_days is not null
    group by all
),

graduated_by_scope as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        sum(scoped_ever.main_rotation_days) as days,
        median(scoped_ever.main_rotation_days) as median_days,
        count(scoped_ever.left_on) as ended,
        count(*) as entries
    from scope_windows
    inner join scoped_ever
        on
            scope_windows.scope_id = scoped_ever.scope_id
            and scoped_ever.graduated_at >= scope_windows.starts_at
            and scoped_ever.graduated_at < scope_windows.as_of
    group by all
),

longest as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        max(scoped_ever.days) as days,
        count(*) filter (where scoped_ever.gone_on is null) as still_there,
        count(*) as entries
    from scope_windows
    inner join scoped_ever
        on scope_windows.scope_id = scoped_ever.scope_id
    where scope_windows.window_days is null
    group by all
)

{{ unpivoted('entered', [
    {'name': 'songs_entered_rotation', 'column': 'songs'}
], 'artist', 'artist_band_id') }}
union all
{{ unpivoted('removed', [{'name': 'songs_removed', 'column': 'songs', 'coverage': 'nights_seen'}]) }}
union all
{{ unpivoted('graduated_by_scope', main_rotation) }}
union all
{{ unpivoted('longest', [
    {'name': 'longest_rotation_days', 'column': 'days', 'coverage': 'still_there / entries'}
]) }}
