"""Explains a number: from a score to its awards, to the rule version, the act, and the delivered row.

Everything comes from the published file, the acts from the view `activity_explanation`. So whoever can read
the file can ask the same in SQL.
"""

import datetime as dt
import uuid
from pathlib import Path

import duckdb
from rich.console import Console

from orchestration.ask.table import show
from orchestration.lists import LISTS
from orchestration.places import read
from orchestration.settings import UsageError

ROWS_SHOWN = 20

KNOWN_MEMBER = "select 1 from activity_decision where user_id = $1 limit 1"
KNOWN_ACT = "select 1 from activity_decision where activity_decision_id = $1 limit 1"
# For a row that takes an award back, explain the award.
ACT = """
    select coalesce(
        (select reverses_activity_point_id from activity_point where activity_point_id = $1), $1
    )
"""
# A name is a set of words, in any order and spelling: those of the label, of one of these texts, or of the
# scene's own name.
FIND_SCOPE = """
    with named as (
        select scope.*, unnest([
            scope.label,
            concat_ws(' ', scope.city, scope.state, scope.music_community),
            case when scope.city is not null then concat_ws(' ', scope.city, scope.music_community) end,
            subject.name
        ]) as name
        from scope left join subject on subject.subject_type = 'scene' and subject.subject_id = scope.scene_id
    )
    select distinct scope_id, tier, label, founded_on
    from named
    where scope_id::varchar = lower($1) or words(name) = words($1)
    order by tier, label
"""
WORDS = """
    create temp macro words(name) as
    nullif(list_sort(regexp_extract_all(strip_accents(lower(name)), '[\\p{L}\\p{N}]+')), [])
"""
NEAREST = """
    select distinct label, jaro_winkler_similarity(lower(label), lower($1)) as nearness
    from scope where nearness > 0.8 order by nearness desc, label limit 3
"""
SCORED_DAYS = "select min(as_of_date), max(as_of_date) from activity_score where scope_id = $1"

BY_TYPE = """
    select activity_type, columns('^points_'), awards, last_activity_at
    from user_activity where user_id = $1 order by activity_type
"""
ACTS = """
    select
        occurred_at::timestamp(0) as occurred_at, rule_id, policy_version as version, decision, points,
        activity_decision_id as act
    from activity_explanation
    where user_id = $1
    order by activity_explanation.occurred_at desc, act
    limit $2
"""
REFUSED = """
    select rule_id, decision, count(*) as acts, max(occurred_at) as latest
    from activity_explanation where user_id = $1 and not is_awarded
    group by rule_id, decision order by rule_id, decision
"""
REVERSED = """
    select occurred_at, rule_id, points, reverses_activity_point_id as takes_back
    from activity_point where user_id = $1 and reverses_activity_point_id is not null order by occurred_at
"""
AWARD = """
    select unpivoted.name, unpivoted.value from (
        unpivot (select columns(*)::varchar from activity_explanation where activity_decision_id = $1)
        on columns(*)
    ) as unpivoted
"""
LEDGER_OF_AWARD = """
    select occurred_at, points, reverses_activity_point_id is not null as takes_back
    from activity_point
    where activity_point_id = $1 or reverses_activity_point_id = $1
    order by occurred_at
"""
SCORE = """
    select as_of_date, members, contributors_30d, columns('^points_')
    from activity_score where scope_id = $1 and as_of_date = $2
"""
# A scope has all scenes that share the parts it names. Scenes that are in no scope of a tier are in its
# unscoped one, and so are rows without a scene.
SCORE_PARTS = """
    with asked as (
        from scope where scope_id = $1
    ),
    place as (
        select scene_id, city, state, music_community from scope where scene_id is not null
        union all
        select null, null, null, null
    ),
    home as (
        select place.scene_id
        from asked
        cross join place
        left join scope as own
            on
                own.tier = asked.tier
                and not own.is_unscoped
                and (own.scene_id is null or own.scene_id = place.scene_id)
                and (own.city is null or own.city = place.city)
                and (own.state is null or own.state = place.state)
                and (own.music_community is null or own.music_community = place.music_community)
        where case when asked.is_unscoped then own.scope_id is null else own.scope_id = asked.scope_id end
    )
    select
        rule_id, policy_version,
        sum(points) filter (where occurred_on = $2)::bigint as on_day,
        {windows},
        sum(points)::bigint as points_all_time,
        count(*) as ledger_rows
    from activity_point inner join home on activity_point.scene_id is not distinct from home.scene_id
    where occurred_on <= $2
    group by rule_id, policy_version order by rule_id, policy_version
"""
CHANGE = """
    select rule_id, count(*) as ledger_rows, sum(points)::bigint as points
    from activity_point where user_id = $1 and occurred_on > $2 and occurred_on <= $3
    group by rule_id order by rule_id
"""
CHANGE_ROWS = """
    select
        occurred_at::timestamp(0) as occurred_at, rule_id, policy_version as version, points,
        reverses_activity_point_id is not null as takes_back,
        coalesce(reverses_activity_point_id, activity_point_id) as award
    from activity_point where user_id = $1 and occurred_on > $2 and occurred_on <= $3
    order by activity_point.occurred_at, activity_point_id limit $4
"""
TOTAL = "select coalesce(sum(points), 0)::bigint from activity_point where user_id = $1 and occurred_on <= $2"


class UnknownIdError(UsageError):
    """Nothing is published under this id or name, or several things are published under this name."""


def explain_user(console: Console, published_file: Path, user_id: uuid.UUID) -> None:
    """A member's points by type, the latest acts behind them, and the acts that were not awarded.

    Raises:
        UnknownIdError: no act of such a member is published.
    """
    with read(published_file) as connection:
        _require(connection, KNOWN_MEMBER, user_id, "member")
        show(console, connection.sql(BY_TYPE, params=[user_id]), "Points by activity type")
        show(console, connection.sql(ACTS, params=[user_id, ROWS_SHOWN]), "Latest acts")
        show(console, connection.sql(REFUSED, params=[user_id]), "Not awarded, and why")
        show(console, connection.sql(REVERSED, params=[user_id]), "Taken back")


def explain_award(console: Console, published_file: Path, award_id: uuid.UUID) -> None:
    """One act: its rule and version, its decision, the delivered file and row, and its ledger rows.

    Raises:
        UnknownIdError: neither an act nor a ledger row of this id is published.
    """
    with read(published_file) as connection:
        (act_id,) = connection.execute(ACT, [award_id]).fetchone()
        _require(connection, KNOWN_ACT, act_id, "act")
        show(console, connection.sql(AWARD, params=[act_id]), "The act")
        show(console, connection.sql(LEDGER_OF_AWARD, params=[act_id]), "Its ledger rows")


def explain_scene(console: Console, published_file: Path, asked: str, day: dt.date | None) -> None:
    """The score of a scene, or of any other scope, on a day as the sum of its parts, by rule and version.

    Args:
        console: where to print.
        published_file: the file to read.
        asked: the scope's id, or a name that no other scope has.
        day: the day; the latest if not given.

    Raises:
        UnknownIdError: no such scope, or none of that day, is published, or there are several.
    """
    with read(published_file) as connection:
        scope_id, label = _scope(connection, asked)
        first, last = connection.execute(SCORED_DAYS, [scope_id]).fetchone()
        on = day or last
        if not last or not first <= on <= last:
            days = f" of {on}; its days are {first} to {last}" if last else ""
            raise UnknownIdError(f"no score of {label} ({scope_id}) is published{days}")
        show(console, connection.sql(SCORE, params=[scope_id, on]), f"{label}: score on {on}")
        show(console, connection.sql(_score_parts(), params=[scope_id, on]), "The sum of its parts")


def _scope(connection: duckdb.DuckDBPyConnection, asked: str) -> tuple[uuid.UUID, str]:
    """The id and the label of the scope that the user asked about."""
    connection.execute(WORDS)
    found = connection.execute(FIND_SCOPE, [asked]).fetchall()
    if len(found) == 1:
        scope_id, _, label, _ = found[0]
        return scope_id, label
    if found:
        lines = [f"{len(found)} scopes are called {asked!r}; ask for one by its label or id:"]
        for scope_id, tier, label, founded_on in found:
            founding = f", founded {founded_on}" if founded_on and str(founded_on) not in label else ""
            lines.append(f"{scope_id}  {label} ({tier}{founding})")
        raise UnknownIdError("\n".join(lines))
    nearest = "; ".join(label for label, _ in connection.execute(NEAREST, [asked]).fetchall())
    hint = f"the nearest: {nearest}" if nearest else '`warehouse query "select label from scope"` lists them'
    raise UnknownIdError(f"no scene or other scope is called {asked!r} or has this id; {hint}")


def explain_change(
    console: Console, published_file: Path, user_id: uuid.UUID, from_day: dt.date, to_day: dt.date
) -> None:
    """Why a member's total moved between the ends of two days."""
    with read(published_file) as connection:
        _require(connection, KNOWN_MEMBER, user_id, "member")
        before, after = (connection.execute(TOTAL, [user_id, d]).fetchone()[0] for d in (from_day, to_day))
        console.print(
            f"{before:,} at the end of {from_day}, {after:,} at the end of {to_day}: {after - before:+,}"
        )
        days = [user_id, from_day, to_day]
        show(console, connection.sql(CHANGE, params=days), "What moved it")
        show(console, connection.sql(CHANGE_ROWS, params=[*days, ROWS_SHOWN]), "Row by row")


def _score_parts() -> str:
    """The SQL of the parts that a score sums up, with a column per window."""
    return SCORE_PARTS.format(
        windows=", ".join(
            f"sum(points) filter (where occurred_on > $2 - {days})::bigint as points_{days}d"
            for days in LISTS["windows"]
        )
    )


def _require(connection: duckdb.DuckDBPyConnection, known: str, value: uuid.UUID, what: str) -> None:
    if not connection.execute(known, [value]).fetchone():
        raise UnknownIdError(f"no {what} {value} is published")
