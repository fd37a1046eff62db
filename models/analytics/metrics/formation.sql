with artists as (
    select * from {{ ref('stg_artist_bands_history') }}
),

sects as (
    select
        parent_community_id as scene_id,
        created_at
    from {{ ref('stg_sect_tags') }}
    union all
    select
        parent_community_id as scene_id,
        created_at
    from {{ ref('stg_sects') }}
),

compared as (
    select * from {{ ref('compared_night') }}
    where table_name = 'artist_bands'
),

artists_then_and_now as (
    select
        artists.home_scene_id as scene_id,
        compared.window_days,
        case when artists.to_night is null then 1 else 0 end
        - case
            when
                artists.from_night <= compared.night
                and (artists.to_night is null or artists.to_night > compared.night)
                then 1
            else 0
        end as growth
    from artists
    cross join compared
),

scope_windows as (
    {{ scope_windows() | indent(4) }}
),

scoped_sects as (
    {{ scoped('sects') | indent(4) }}
),

scoped_artists as (
    {{ scoped('artists_then_and_now') | indent(4) }}
),

formed as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        count(*) filter (where sects.created_at >= scope_windows.starts_at) as formed,
        count(*) filter (where sects.created_at < scope_windows.starts_at) as formed_before
    from scope_windows
    inner join scoped_sects as sects
        on scope_windows.scope_id = sects.scope_id and sects.created_at < scope_windows.as_of
    group by all
),

grown as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        compared.days_seen,
        coalesce(sum(artists.growth), 0) as artists
    from scope_windows
    inner join compared
        on scope_windows.window_days = compared.window_days
    left join scoped_artists as artists
        on scope_windows.scope_id = artists.scope_id and scope_windows.window_days = artists.window_days
    group by all
)

{{ unpivoted('formed', [
    {'name': 'sect_formation_rate', 'numerator': 'formed', 'denominator': 'formed_before'}
]) }}
union all
{{ unpivoted('grown', [{'name': 'net_artist_growth', 'column': 'artists', 'coverage': 'days_seen'}]) }}
