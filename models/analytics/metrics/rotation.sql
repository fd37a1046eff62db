with entries as (
    select
        rotation_entries.*,
        tracks.artist_band_id
    from {{ ref('stg_rotation_entries') }} as rotation_entries
    left join {{ ref('stg_tracks') }} as tracks
        on rotation_entries.track_id = tracks.track_id
),

scoped as (
    {{ scoped('entries') | indent(4) }}
),

scope_windows as (
    {{ scope_windows() | indent(4) }}
),

by_scope as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        count(distinct scoped.track_id) filter (where scoped.pool = 'NEW_RELEASES') as tracks_in_new_releases,
        count(distinct scoped.track_id) filter (where scoped.pool = 'MAIN_ROTATION')
            as tracks_in_main_rotation,
        count(distinct scoped.artist_band_id) as active_artists
    from scope_windows
    left join scoped
        on scope_windows.scope_id = scoped.scope_id
    where scope_windows.window_days is null
    group by all
)

{{ unpivoted('by_scope', [
    {'name': 'tracks_in_new_releases'},
    {'name': 'tracks_in_main_rotation'},
    {'name': 'active_artists'},
]) }}
