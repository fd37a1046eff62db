"""The SQL of the comparison, for a connection in which a replay ran: see `comparison`."""

from orchestration.settings import PROJECT_DIR


def share_left() -> str:
    """The macro of dbt by which activity_score fades, as a macro of DuckDB with the same name."""
    from jinja2 import Environment  # no other command waits for it

    macro = (PROJECT_DIR / "macros" / "share_left.sql").read_text(encoding="utf-8")
    of_dbt = Environment(autoescape=False).from_string(macro).module.share_left  # noqa: S701  (no HTML)
    return f"create or replace temp macro share_left(age, half_life) as {of_dbt('age', 'half_life')}"


# Both ledgers are read once for the scenes and once for the members; every table after that is small.
AGGREGATES = """
    create temp table scene_rule as
    with ledgers as (
        select 'now' as side, scene_id, activity_type, rule_id, points, reverses_act_id
        from built.main.ledger
        where occurred_at < (select as_of from warehouse.main.as_of)
        union all
        select 'then' as side, scene_id, activity_type, rule_id, points, reverses_act_id
        from warehouse.main.ledger
    )
    select
        scene_id,
        activity_type,
        rule_id,
        count(*) filter (where side = 'now' and reverses_act_id is null) as awards_now,
        count(*) filter (where side = 'then' and reverses_act_id is null) as awards_then,
        coalesce(sum(points) filter (where side = 'now'), 0)::bigint as points_now,
        coalesce(sum(points) filter (where side = 'then'), 0)::bigint as points_then
    from ledgers
    group by all;

    create temp table member_points as
    with earned as (
        select
            user_id,
            sum(points) filter (where side = 'now') as points_now,
            sum(points) filter (where side = 'then') as points_then
        from (
            select 'now' as side, user_id, points
            from built.main.ledger
            where occurred_at < (select as_of from warehouse.main.as_of)
            union all
            select 'then' as side, user_id, points
            from warehouse.main.ledger
        )
        group by user_id
    ),
    members as (
        select distinct home_scene.user_id
        from built.main.home_scene as home_scene
        cross join warehouse.main.as_of as as_of
        where
            home_scene.member_from <= as_of.as_of_date
            and (home_scene.member_to is null or home_scene.member_to > as_of.as_of_date)
    )
    select
        coalesce(earned.points_now, 0)::bigint as points_now,
        coalesce(earned.points_then, 0)::bigint as points_then
    from members
    left join earned on members.user_id = earned.user_id;

    create temp table capped as
    select
        rule_id,
        capped_by,
        count(*) filter (where side = 'now') as acts_now,
        count(*) filter (where side = 'then') as acts_then,
        coalesce(sum(withheld) filter (where side = 'now'), 0)::bigint as withheld_now,
        coalesce(sum(withheld) filter (where side = 'then'), 0)::bigint as withheld_then
    from (
        select 'now' as side, rule_id, capped_by, price - points as withheld
        from built.main.decision
        where capped_by is not null and occurred_at < (select as_of from warehouse.main.as_of)
        union all
        select 'then' as side, rule_id, capped_by, price - points as withheld
        from warehouse.main.decision
        where capped_by is not null
    )
    group by all;
"""

TOTALS = """
    with total as (
        select
            coalesce(sum(awards_now), 0)::bigint as awards_now,
            coalesce(sum(awards_then), 0)::bigint as awards_then,
            coalesce(sum(points_now), 0)::bigint as points_now,
            coalesce(sum(points_then), 0)::bigint as points_then
        from scene_rule
    )
    select
        'awards' as "of all",
        awards_now as "now",
        awards_then as "then",
        awards_then - awards_now as "difference"
    from total
    union all
    select 'points', points_now, points_then, points_then - points_now
    from total
"""

# Each setting of a line stands beside the same setting of the other side's line for that day.
PROPOSAL = """
    with rule_line as (
        select
            'now' as side, rule_id, valid_from,
            columns(* exclude (rule_id, valid_from, description))::varchar
        from built.main.point_rule
        union all by name
        select
            'then' as side, rule_id, valid_from,
            columns(* exclude (rule_id, valid_from, description))::varchar
        from warehouse.main.point_rule
    ),
    score_line as (
        select
            'now' as side, 'score policy' as rule_id, valid_from,
            columns(* exclude (valid_from, description))::varchar
        from built.main.score_policy
        union all by name
        select
            'then' as side, 'score policy' as rule_id, valid_from,
            columns(* exclude (valid_from, description))::varchar
        from warehouse.main.score_policy
    ),
    setting as (
        from (
            unpivot rule_line on columns(* exclude (side, rule_id, valid_from)) into name setting value value
        )
        union all
        from (
            unpivot score_line on columns(* exclude (side, rule_id, valid_from)) into name setting value value
        )
    )
    select
        rule_id as "rule",
        valid_from::varchar as "valid from",
        replace(setting, '_', ' ') as "setting",
        coalesce(max(value) filter (where side = 'now'), '—') as "now",
        coalesce(max(value) filter (where side = 'then'), '—') as "then",
        case
            when valid_from > (select as_of_date from warehouse.main.as_of)
                then 'begins after the last day compared: no effect below'
        end as "remark"
    from setting
    group by rule_id, valid_from, setting
    having "now" is distinct from "then"
    order by "rule", "valid from", "setting"
"""

BY_TYPE = """
    select
        activity_type as "activity type",
        sum(awards_now)::bigint as "awards now",
        sum(awards_then)::bigint as "awards then",
        sum(points_now)::bigint as "points now",
        sum(points_then)::bigint as "points then",
        sum(points_then - points_now)::bigint as "difference"
    from scene_rule
    group by activity_type
    order by activity_type
"""

BY_RULE = """
    select
        rule_id as "rule",
        sum(awards_now)::bigint as "awards now",
        sum(awards_then)::bigint as "awards then",
        sum(points_now)::bigint as "points now",
        sum(points_then)::bigint as "points then",
        sum(points_then - points_now)::bigint as "difference"
    from scene_rule
    group by rule_id
    order by rule_id
"""

BY_SCENE = """
    with earned as (
        select
            coalesce(scope.scope_id, unscoped.scope_id) as scope_id,
            sum(scene_rule.points_now) as points_now,
            sum(scene_rule.points_then) as points_then
        from scene_rule
        inner join built.main.scope as unscoped
            on unscoped.tier = 'city' and unscoped.is_unscoped
        left join built.main.scope as scope
            on scope.tier = 'city' and scene_rule.scene_id = scope.scene_id
        group by all
    )
    select
        scope.label as "scene",
        coalesce(earned.points_now, 0)::bigint as "points now",
        coalesce(earned.points_then, 0)::bigint as "points then",
        coalesce(earned.points_then - earned.points_now, 0)::bigint as "difference"
    from built.main.scope as scope
    left join earned on scope.scope_id = earned.scope_id
    where scope.tier = 'city' and (not scope.is_unscoped or earned.scope_id is not null)
    order by scope.is_unscoped, scope.label
"""

DISTRIBUTION = """
    with totals as (
        select 'now' as side, points_now as points from member_points
        union all
        select 'then' as side, points_then as points from member_points
    ),
    placed as (
        select
            side,
            points,
            greatest(points, 0)::hugeint as counted,
            row_number() over (partition by side order by points) as place
        from totals
    ),
    measured as (
        select
            side,
            count(*) as members,
            count(*) filter (where points > 0) as with_points,
            count(*) filter (where points > 0) / count(*) as share,
            quantile_disc(points, 0.5) as median,
            quantile_disc(points, 0.9) as p90,
            quantile_disc(points, 0.99) as p99,
            2 * sum(place * counted)::double / nullif(count(*) * sum(counted), 0)
            - (count(*) + 1) / count(*) as gini
        from placed
        group by side
    ),
    compared as (
        select * from measured
        union all
        select
            'difference' as side,
            after.members - before.members,
            after.with_points - before.with_points,
            after.share - before.share,
            after.median - before.median,
            after.p90 - before.p90,
            after.p99 - before.p99,
            after.gini - before.gini
        from measured as before
        inner join measured as after on before.side = 'now' and after.side = 'then'
    )
    select
        side,
        members,
        with_points as "with points",
        share as "share with points",
        median,
        p90,
        p99,
        gini as "Gini"
    from compared
    order by side = 'difference', side
"""

# Bands of the points that members have now, from the lowest up. A band of fewer than five members is joined
# to the next one, the last band to the one before it. With fewer than five members in all, no band is shown.
BANDS = """
    with recursive bound as (
        select
            row_number() over (order by low nulls first) as band,
            low,
            lead(low) over (order by low nulls first) - 1 as high
        from (
            values (null), (0), (1), (10), (50), (100), (250), (500), (1000), (2500), (5000), (10000)
        ) as bounds (low)
    ),
    band as (
        select
            row_number() over (order by bound.band) as band,
            any_value(bound.low) as low,
            any_value(bound.high) as high,
            count(*) as members,
            count(*) filter (where points_then > points_now) as gain,
            count(*) filter (where points_then = points_now) as stay,
            count(*) filter (where points_then < points_now) as lose,
            sum(points_then - points_now) as change
        from member_points
        inner join bound
            on
                (bound.low is null or points_now >= bound.low)
                and (bound.high is null or points_now <= bound.high)
        group by bound.band
    ),
    joined as (
        select band, 1 as part, members as held
        from band
        where band = 1
        union all
        select
            band.band,
            case when joined.held >= 5 then joined.part + 1 else joined.part end,
            case when joined.held >= 5 then band.members else joined.held + band.members end
        from joined
        inner join band on joined.band + 1 = band.band
    ),
    part as (
        select part, sum(members) as members
        from joined
        inner join band using (band)
        group by part
    ),
    settled as (
        select
            joined.band,
            case when part.members < 5 then joined.part - 1 else joined.part end as part
        from joined
        inner join part using (part)
    ),
    shown as (
        select
            settled.part,
            case
                when bool_or(band.low is null) and max(band.high) = -1 then 'below 0'
                when bool_or(band.low is null) and bool_or(band.high is null) then 'any'
                when bool_or(band.low is null) then format('{:,} or fewer', max(band.high))
                when bool_or(band.high is null) then format('{:,} or more', min(band.low))
                when min(band.low) = max(band.high) then format('{:,}', min(band.low))
                else format('{:,} to {:,}', min(band.low), max(band.high))
            end as points,
            sum(band.members) as members,
            sum(band.gain) as gain,
            sum(band.stay) as stay,
            sum(band.lose) as lose,
            sum(band.change) as change
        from settled
        inner join band on settled.band = band.band
        group by settled.part
        having sum(band.members) >= 5
        union all
        select null, 'all members', sum(members), sum(gain), sum(stay), sum(lose), sum(change)
        from band
        having sum(members) >= 5
    )
    select
        points as "points now",
        members::bigint as "members",
        gain::bigint as "gain",
        stay::bigint as "stay",
        lose::bigint as "lose",
        change / members as "mean change"
    from shown
    order by part is null, part
"""

CAPS = """
    select
        rule_id as "rule",
        case capped_by when 'daily' then 'a member in a day' else 'one source act' end as "cap on",
        acts_now as "acts now",
        acts_then as "acts then",
        withheld_now as "withheld now",
        withheld_then as "withheld then",
        withheld_then - withheld_now as "difference"
    from capped
    order by "rule", "cap on"
"""

# What a point is worth after so many days, under the score policy of the last compared day.
FADING = """
    with half_life as (
        select
            max(half_life_days) filter (where side = 'now') as days_now,
            max(half_life_days) filter (where side = 'then') as days_then
        from (
            select 'now' as side, half_life_days, valid_from, valid_to from built.main.score_policy
            union all
            select 'then' as side, half_life_days, valid_from, valid_to from warehouse.main.score_policy
        )
        cross join warehouse.main.as_of as as_of
        where
            as_of.as_of_date >= valid_from
            and as_of.as_of_date < coalesce(valid_to, date '9999-12-31')
    )
    select
        age.days as "days old",
        coalesce(share_left(age.days, days_now), 1) as "share left now",
        coalesce(share_left(age.days, days_then), 1) as "share left then"
    from half_life
    cross join (
        select distinct
            unnest(range(0, 9)) * greatest(coalesce(days_now, 0), coalesce(days_then, 0)) // 2 as days
        from half_life
    ) as age
    where coalesce(days_now, days_then) is not null
    order by "days old"
"""

SCORES = """
    with score as (
        select
            coalesce(before.scope_id, after.scope_id) as scope_id,
            coalesce(after.points_all_time, 0) as points_then,
            before.decayed_score as faded_now,
            after.decayed_score as faded_then,
            before.season_points as season_now,
            after.season_points as season_then
        from (
            select * from built.main.activity_score
            where tier = 'city' and as_of_date = (select as_of_date from warehouse.main.as_of)
        ) as before
        full join (
            select * from warehouse.main.activity_score
            where tier = 'city' and as_of_date = (select as_of_date from warehouse.main.as_of)
        ) as after on before.scope_id = after.scope_id
    )
    select
        scope.label as "scene",
        score.points_then as "all points then",
        score.faded_now as "faded now",
        score.faded_then as "faded then",
        score.faded_then - score.faded_now as "difference of faded",
        score.season_now as "season now",
        score.season_then as "season then",
        score.season_then - score.season_now as "difference of season"
    from score
    inner join built.main.scope as scope on score.scope_id = scope.scope_id
    where coalesce(faded_now, faded_then, season_now, season_then) is not null
    order by scope.is_unscoped, scope.label
"""
