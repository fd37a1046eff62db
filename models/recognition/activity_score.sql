{#- Per tier and scope a day may hold three things: points, members arriving or leaving, contributors starting or
    ceasing to count. Running sums over days turn them into the state on each day. -#}

with ledger as (
    select * from {{ ref('ledger') }}
),

home_scene as (
    select * from {{ ref('home_scene') }}
),

scope as (
    select * from {{ ref('scope') }}
),

as_of as (
    select * from {{ ref('as_of') }}
),

first_day as (
    select
        as_of.as_of_date,
        coalesce(min(ledger.occurred_on), as_of.as_of_date) as first_day
    from as_of
    left join ledger on true
    group by as_of.as_of_date
),

days as (
    select
        scope.*,
        calendar.as_of_date
    from scope
    cross join (
        {{ days_between(
            '(select first_day from first_day)', '(select as_of_date from first_day)', 'as_of_date'
        ) | indent(8) }}
    ) as calendar
),

points_by_scene as (
    select
        scene_id,
        occurred_on,
        sum(points) as points
    from ledger
    group by all
),

scoped_points as (
    {{ scoped('points_by_scene') | indent(4) }}
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

neighbours as (
    select
        *,
        lag(counted_to) over (partition by scene_id, user_id order by occurred_on) as counted_before,
        lead(occurred_on) over (partition by scene_id, user_id order by occurred_on) as next_on
    from contribution_days
),

-- A contribution counts on its day and the 29 after it: in a scene a member starts to count where no earlier one
-- reaches, and ceases where none follows in time.
scene_changes as (
    select
        scene_id,
        user_id,
        occurred_on as happened_on,
        1 as change
    from neighbours
    where counted_before is null or counted_before < occurred_on
    union all
    select
        scene_id,
        user_id,
        counted_to as happened_on,
        -1 as change
    from neighbours
    where next_on is null or next_on > counted_to
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
),

-- Who counts in several scenes of a scope counts once.
contributor_changes as (
    select
        scope_id,
        happened_on,
        least(scenes, 1) - least(scenes - change, 1) as change
    from scenes_counted_in
),

scoped_homes as (
    {{ scoped('home_scene') | indent(4) }}
),

member_changes as (
    select
        scope_id,
        member_from as happened_on,
        1 as change
    from scoped_homes
    union all
    select
        scope_id,
        member_to as happened_on,
        -1 as change
    from scoped_homes
    where member_to is not null
),

-- What happened before the first day counts as of the first day.
changes as (
    select
        scope_id,
        occurred_on as happened_on,
        points,
        0 as members,
        0 as contributors
    from scoped_points
    union all
    select
        scope_id,
        happened_on,
        0 as points,
        0 as members,
        change as contributors
    from contributor_changes
    union all
    select
        member_changes.scope_id,
        case
            when member_changes.happened_on < first_day.first_day then first_day.first_day
            else member_changes.happened_on
        end as happened_on,
        0 as points,
        member_changes.change as members,
        0 as contributors
    from member_changes
    cross join first_day
),

changes_by_day as (
    select
        scope_id,
        happened_on,
        sum(points) as points,
        sum(members) as members,
        sum(contributors) as contributors
    from changes
    group by all
),

daily as (
    select
        days.*,
        coalesce(changes_by_day.points, 0) as points_on_day,
        coalesce(changes_by_day.members, 0) as members,
        coalesce(changes_by_day.contributors, 0) as contributors
    from days
    left join changes_by_day
        on days.scope_id = changes_by_day.scope_id and days.as_of_date = changes_by_day.happened_on
),

-- Without a policy that fades or starts anew there is nothing beside the plain sums.
score_policy as (
    select
        *,
        coalesce(valid_to, date '9999-12-31') as valid_until
    from {{ ref('score_policy') }}
),

decayed as (
    select
        today.scope_id,
        today.as_of_date,
        cast(
            sum(
                earlier.points_on_day
                * cast(
                    power(
                        0.5,
                        {{ days_apart('earlier.as_of_date', 'today.as_of_date') }}
                        / score_policy.half_life_days
                    ) as decimal(18, 12)
                )
            ) as double
        ) as decayed_score
    from daily as today
    inner join score_policy
        on
            today.as_of_date >= score_policy.valid_from
            and today.as_of_date < score_policy.valid_until
            and score_policy.half_life_days is not null
    inner join daily as earlier
        on
            today.scope_id = earlier.scope_id
            and today.as_of_date >= earlier.as_of_date
            and earlier.points_on_day <> 0
    group by all
),

seasons as (
    select
        daily.*,
        case score_policy.season_length
            when 'quarter' then cast(date_trunc('quarter', daily.as_of_date) as date)
            when 'year' then cast(date_trunc('year', daily.as_of_date) as date)
        end as season_start
    from daily
    left join score_policy
        on daily.as_of_date >= score_policy.valid_from and daily.as_of_date < score_policy.valid_until
)

select
    seasons.as_of_date,
    seasons.scope_id,
    seasons.tier,
    seasons.state,
    seasons.city,
    seasons.music_community,
    seasons.scene_id,
    cast(seasons.points_on_day as bigint) as points_on_day,
    {%- for days in var('windows') %}
    cast(
        sum(seasons.points_on_day) over (
            partition by seasons.scope_id
            order by seasons.as_of_date
            rows between {{ days - 1 }} preceding and current row
        ) as bigint
    ) as points_{{ days }}d,
    {%- endfor %}
    cast(sum(seasons.points_on_day) over to_date as bigint) as points_all_time,
    cast(sum(seasons.members) over to_date as bigint) as members,
    cast(sum(seasons.contributors) over to_date as bigint) as contributors_30d,
    case when seasons.season_start is not null then cast(
        sum(seasons.points_on_day) over (
            partition by seasons.scope_id, seasons.season_start
            order by seasons.as_of_date
            rows between unbounded preceding and current row
        ) as bigint
    ) end as season_points,
    decayed.decayed_score
from seasons
left join decayed
    on seasons.scope_id = decayed.scope_id and seasons.as_of_date = decayed.as_of_date
window to_date as (
    partition by seasons.scope_id
    order by seasons.as_of_date
    rows between unbounded preceding and current row
)
