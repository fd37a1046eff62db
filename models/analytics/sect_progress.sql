with band_members as (
    select * from {{ ref('sect_band_member') }}
),

thresholds as (
    select
        max(try_cast(value as double)) filter (where threshold = 'sect_min_sources') as min_sources,
        max(try_cast(value as double)) filter (where threshold = 'sect_min_seconds') as min_seconds,
        max(try_cast(value as double)) filter (where threshold = 'source_max_seconds') as source_max_seconds
    from {{ ref('metric_threshold') }}
    where metric = 'sect_threshold_progress'
),

ready as (
    select
        artist_band_id,
        sum(coalesce(duration_seconds, 0)) as seconds
    from {{ ref('stg_tracks') }}
    where status = 'ready' and artist_band_id is not null
    group by all
),

sources as (
    select
        band_members.sect_tag_id,
        band_members.artist_band_id,
        band_members.user_id,
        -- An artist of several band members lends its songs once.
        case
            when row_number() over (
                partition by band_members.sect_tag_id, band_members.artist_band_id
                order by band_members.user_id
            ) = 1 then least(ready.seconds, thresholds.source_max_seconds)
        end as seconds
    from band_members
    inner join ready
        on band_members.artist_band_id = ready.artist_band_id
    cross join thresholds
)

select
    sources.sect_tag_id,
    least(
        1,
        count(distinct sources.artist_band_id) / min(thresholds.min_sources),
        sum(sources.seconds) / min(thresholds.min_seconds)
    ) as progress,
    count(distinct sources.user_id) as people
from sources
cross join thresholds
group by all
