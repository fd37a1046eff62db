with ledger as (
    select * from {{ ref('ledger') }}
),

contribution_days as (
    select distinct
        scene_id,
        user_id,
        occurred_on,
        cast(occurred_on + interval 30 day as date) as counted_to
    from ledger
    where points > 0
),

contributions as (
    select
        *,
        lag(counted_to) over (partition by scene_id, user_id order by occurred_on) as previous_counted_to,
        lead(occurred_on) over (partition by scene_id, user_id order by occurred_on) as next_occurred_on
    from contribution_days
),

-- A contribution counts on its day and the 29 days after it. A member starts to count in a scene on the day of a
-- contribution that no earlier one reaches, and ceases 30 days after one that no other follows in time.
scene_changes as (
    select
        scene_id,
        user_id,
        occurred_on as happened_on,
        1 as change
    from contributions
    where previous_counted_to is null or previous_counted_to < occurred_on
    union all
    select
        scene_id,
        user_id,
        counted_to as happened_on,
        -1 as change
    from contributions
    where next_occurred_on is null or next_occurred_on > counted_to
),

scoped_changes as (
    {{ scoped('scene_changes') | indent(4) }}
),

scenes_counted_in as (
    select
        scope_id,
        happened_on,
        change,
        sum(change) over (
            partition by scope_id, user_id
            order by happened_on, change
            rows between unbounded preceding and current row
        ) as scenes
    from scoped_changes
)

-- A person who counts in several scenes of a scope counts once.
select
    scope_id,
    happened_on,
    sum(least(scenes, 1) - least(scenes - change, 1)) as contributors
from scenes_counted_in
group by all
having sum(least(scenes, 1) - least(scenes - change, 1)) <> 0
