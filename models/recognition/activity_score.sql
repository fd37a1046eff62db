{#- Per tier and scope a day may hold three things: points, members who arrive or leave, and contributors who start or
    cease to count. Running sums over days turn them into the state on each day. -#}

with points as (
    select * from {{ ref('scope_points') }}
),

members as (
    select * from {{ ref('member_change') }}
),

contributors as (
    select * from {{ ref('contributor_change') }}
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
        coalesce(min(points.occurred_on), as_of.as_of_date) as first_day
    from as_of
    left join points on true
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

-- Members who were there before the first day count from the first day on.
members_by_day as (
    select
        members.scope_id,
        greatest(members.happened_on, first_day.first_day) as happened_on,
        sum(members.members) as members
    from members
    cross join first_day
    group by all
),

daily as (
    select
        days.*,
        coalesce(points.points, 0) as points_on_day,
        coalesce(members_by_day.members, 0) as members,
        coalesce(contributors.contributors, 0) as contributors
    from days
    left join points
        on days.scope_id = points.scope_id and days.as_of_date = points.occurred_on
    left join members_by_day
        on days.scope_id = members_by_day.scope_id and days.as_of_date = members_by_day.happened_on
    left join contributors
        on days.scope_id = contributors.scope_id and days.as_of_date = contributors.happened_on
),

-- If no policy has a half-life or seasons, there are only the plain sums.
score_policy as (
    select
        *,
        coalesce(valid_to, date '9999-12-31') as valid_until
    from {{ ref('score_policy') }}
),

-- 19 digits and 18, of which 12 follow the point, are the most that Spark multiplies without rounding.
decayed as (
    select
        today.scope_id,
        today.as_of_date,
        cast(
            sum(
                cast(earlier.points_on_day as decimal(19, 0))
                * cast(
                    {{ share_left(
                        days_apart('earlier.as_of_date', 'today.as_of_date'), 'score_policy.half_life_days'
                    ) }} as decimal(18, 12)
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
