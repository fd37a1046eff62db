with scenes as (
    select * from {{ ref('stg_communities') }}
    where tier = 'city'
),

entries as (
    select * from {{ ref('stg_rotation_entries') }}
),

numbers as (
    select * from {{ ref('shown_value') }}
    where subject_type = 'scene' and bucket is null
),

windows as (
    select * from {{ ref('summary_window') }}
),

as_of as (
    select * from {{ ref('as_of') }}
)

select
    as_of.as_of_date,
    scenes.community_id as scene_id,
    windows.window_days,
    count(*) filter (where entries.pool = 'NEW_RELEASES') as tracks_in_new_releases,
    count(*) filter (where entries.pool = 'MAIN_ROTATION') as tracks_in_main_rotation,
    {%- for measure in ['avg', 'min', 'max'] %}
    coalesce(
        {{ measure }}(cast(entries.recurrence_score as double)) filter (where entries.pool = 'MAIN_ROTATION'),
        0
    ) as recurrence_score_{{ measure }},
    {%- endfor %}
    cast(active_new.value as bigint) as active_new_count,
    cast(votes.value as bigint) as votes
from scenes
cross join windows
left join entries
    on scenes.community_id = entries.scene_id
left join numbers as active_new
    on scenes.community_id = active_new.scope_id and active_new.metric = 'active_new_count'
left join numbers as votes
    on
        scenes.community_id = votes.scope_id
        and votes.metric = 'votes'
        and votes.window_days is not distinct from windows.window_days
cross join as_of
group by all
