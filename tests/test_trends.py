"""The trends and screens are what their sentences say, add up, and are the same in whatever order."""

import datetime as dt
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from metric_oracle import Night
from metric_worlds import write_world
from trend_oracle import ANSWERS, Tables, Trends
from worlds import PUBLISHED, World, directories, ingest_nights

# pandas at work, which a tracer slows down by half; what it calls of ours is covered elsewhere.
pytestmark = pytest.mark.no_cover

Key = tuple[Any, ...]


def plain(value: Any) -> Any:
    """A value as it is compared."""
    if value is None or value is pd.NaT or (isinstance(value, float) and pd.isna(value)):
        return None
    if isinstance(value, bool | str):
        return value
    if isinstance(value, dt.date):
        return pd.Timestamp(value)
    return str(value) if not isinstance(value, int | float) else round(float(value), 9)


def by_key(rows: list[dict[str, Any]], key: list[str]) -> dict[Key, dict[str, Any]]:
    """The rows, each by what makes it one."""
    found = {}
    for row in rows:
        compared = {name: plain(value) for name, value in row.items()}
        found[tuple(compared[name] for name in key)] = compared
    assert len(found) == len(rows)
    return found


def published(world: World, table: str) -> list[dict[str, Any]]:
    """The rows of a table, with scopes by the name that the second answer gives them."""
    names = {
        row["scope_id"]: " | ".join(
            [
                row["tier"],
                *(str(row[part]) for part in ("scene_id", "state", "city", "music_community")),
                str(row["is_unscoped"]),
            ]
        )
        for row in world.rows("scope")
    }
    return [
        row | {"scope_id": names[row["scope_id"]]} if "scope_id" in row else row for row in world.rows(table)
    ]


def tables(world: World) -> Tables:
    """What the second answer takes from the warehouse."""
    points, shown, rules = (
        world.connection.sql(f"from {table}").df()
        for table in ("activity_point", "artist_analytics", "point_rule")
    )
    ids = ["activity_point_id", "user_id", "scene_id", "source_id", "reverses_activity_point_id"]
    for frame, columns in ((points, ids), (shown, ["artist_band_id"])):
        for column in columns:
            texts = [None if pd.isna(one) else str(one) for one in frame[column]]
            frame[column] = pd.Series(texts, frame.index, dtype=object)
    labels = {str(row["scene_id"]): row["label"] for row in world.rows("scope") if row["tier"] == "city"}
    return Tables(points, shown, rules, labels)


@cache
def made(seed: int, home: Path) -> tuple[World, Trends]:
    """A random world with nothing withheld, and what must be in it."""
    config = directories(home)
    nights = write_world(config.exports_dir, seed)
    as_of_date: dt.date = ingest_nights(config, confirmed=nights)
    world = World()
    world.load(config)
    world.connection.execute("update privacy_floor set floor_people = 0")
    world.build()
    return world, Trends(Night(config.exports_dir, as_of_date), tables(world))


def differing(world: World, trends: Trends, table: str) -> list[tuple[Any, ...]]:
    """The rows that one has and the other lacks, and the values in which they differ."""
    key, answer = ANSWERS[table]
    theirs = by_key(list(answer(trends)), key)
    ours = by_key(published(world, table), key)
    assert theirs
    compared = set(next(iter(theirs.values())))
    assert table == "plot_statistics" or compared == set(next(iter(ours.values())))
    found: list[tuple[Any, ...]] = [("surplus", at) for at in ours.keys() - theirs.keys()]
    found += [("lacking", at) for at in theirs.keys() - ours.keys()]
    found += [
        (at, name, ours[at][name], theirs[at][name])
        for at in ours.keys() & theirs.keys()
        for name in compared
        if ours[at][name] != theirs[at][name]
    ]
    return found


@pytest.mark.seeds(2, 12)
def test_every_row_and_column_is_what_its_sentence_says(seed: int, tmp_path: Path) -> None:
    world, trends = made(seed, tmp_path)
    assert world.broken(directories(tmp_path)) == {}
    found = {table: differing(world, trends, table) for table in ANSWERS}
    assert {table: rows[:5] for table, rows in found.items() if rows} == {}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """One random world with nothing withheld, whose departed members have points."""
    return made(1, tmp_path_factory.mktemp("trends"))[0]


COUNTS = (
    "votes", "adds", "blasts", "recommends", "signal_actions", "events_created", "events_hosted",
    "verified_attendance", "songs_entered_rotation", "activity_points",
)  # fmt: skip
HEARD = ("engagement_points", "listens", "full_listens", "majority_listens", "partial_listens", "skips")
STANDING = ("follows", "members", "gps_verified_members", "active_new_count")


def test_a_week_and_a_month_are_the_sum_of_their_days(world: World) -> None:
    sums = ", ".join(f"sum({name})::bigint as {name}" for name in COUNTS)
    of_days = f"""
        select period, starts_on, scope_id, {sums}
        from period join scene_day on day >= starts_on and day < ends_before group by all
    """
    of_weeks = f"select period, starts_on, scope_id, {', '.join(COUNTS)} from scene_week"
    ((rows, different),) = world.connection.sql(
        f"select (select count(*) from scene_week), count(*) from ({of_days} except {of_weeks})"
    ).fetchall()
    assert rows > 0
    assert different == 0
    # Every count happens somewhere, or nothing was compared.
    happened = world.connection.sql(f"select {sums} from scene_week").fetchall()
    assert all(happened[0])


@pytest.mark.parametrize(
    ("table", "key", "numbers"),
    [("scene_day", "day", COUNTS), ("scene_week", "period, starts_on", (*COUNTS, *HEARD, *STANDING))],
)
def test_every_tier_with_what_is_unscoped_is_the_platform(
    world: World, table: str, key: str, numbers: tuple[str, ...]
) -> None:
    sums = ", ".join(f"sum({name}) as {name}" for name in numbers)
    tiers = world.connection.sql(f"select tier, {key}, {sums} from {table} group by all").df()
    columns = [*key.split(", "), *numbers]
    by_tier = {
        tier: rows[columns].sort_values(columns[: -len(numbers)]) for tier, rows in tiers.groupby("tier")
    }
    assert set(by_tier) == {"city", "state", "national", "platform"}
    for rows in by_tier.values():
        pd.testing.assert_frame_equal(
            rows.reset_index(drop=True), by_tier["platform"].reset_index(drop=True), check_dtype=False
        )


def test_the_days_have_all_points_of_the_ledger(world: World) -> None:
    query = """
        select (select sum(activity_points) from scene_day where tier = 'platform'), sum(points) from ledger
    """
    ((of_days, of_ledger),) = world.connection.sql(query).fetchall()
    assert of_days == of_ledger > 0


def test_the_tracks_of_an_artist_are_the_artist(world: World) -> None:
    sums = ", ".join(f"sum({name})::bigint as {name}" for name in HEARD)
    query = f"""
        select artist_band_id, period, starts_on, {sums} from track_week semi join stg_artist_bands
        using (artist_band_id) where listens > 0 group by all
        except
        select artist_band_id, period, starts_on, {", ".join(HEARD)} from artist_week where tier = 'platform'
    """
    assert world.connection.sql(query).fetchall() == []


SPANS = ("7d", "30d", "90d", "all_time")


def test_a_profile_is_the_sum_of_its_types_and_of_its_rows(world: World) -> None:
    types = [row["activity_type"] for row in world.rows("activity_type")]
    by_type = " union all ".join(
        f"select user_id, '{kind}' as activity_type, "
        + ", ".join(f"{kind}_points_{span} as points_{span}" for span in SPANS)
        + " from member_profile"
        for kind in types
    )
    points = ", ".join(f"points_{span}" for span in SPANS)
    some = " or ".join(f"points_{span} <> 0" for span in SPANS)
    summed = ", ".join(f"sum(points_{span})::bigint" for span in SPANS)
    members = "select user_id from stg_users where not is_erased"
    queries = {
        "types": f"select user_id, {summed} from ({by_type}) group by all"
        f" except select user_id, {points} from member_profile",
        "user_activity": f"select user_id, activity_type, {points} from user_activity where {some}"
        f" except select user_id, activity_type, {points} from ({by_type})",
        "no more than user_activity": f"select user_id, activity_type, {points} from ({by_type}) where {some}"
        f" except select user_id, activity_type, {points} from user_activity",
        "member_point_source": "select user_id, activity_type, sum(points)::bigint from member_point_source"
        " group by all having sum(points) <> 0"
        f" except select user_id, activity_type, points_all_time from ({by_type})",
        "members": f"{members} except select user_id from member_profile",
        "nobody else": f"select user_id from member_profile except {members}",
        "nobody else's rows": f"select user_id from member_point_source except {members}",
    }
    found = {name: world.connection.sql(query).fetchall() for name, query in queries.items()}
    assert {name: rows for name, rows in found.items() if rows} == {}


def test_the_ledger_is_what_members_have_and_what_the_departed_had(world: World) -> None:
    ((ledger, members, departed, rows, named),) = world.connection.sql(
        """
        select
            (select sum(points) from activity_point), (select sum(points_all_time) from member_profile),
            (select sum(points) from activity_point where user_id is null),
            (select count(*) from member_point_source),
            (select count(*) from activity_point where user_id is not null)
        """
    ).fetchall()
    assert ledger == members + departed
    assert rows == named > 0
    assert departed > 0


@pytest.mark.parametrize(("later", "converted"), [("0 days", 1), ("7 days", 1), ("7 days 1 millisecond", 0)])
def test_an_add_follows_a_blast_up_to_a_week_later(world: World, later: str, converted: int) -> None:
    with world.undone():
        world.connection.execute(
            f"""
            create temp table two as select user_id from stg_users order by user_id limit 2;
            create temp table acts as
            select * replace ((select min(user_id) from two) as user_id, 'BLAST' as action_type)
            from stg_signal_actions order by created_at limit 1;
            insert into acts select * replace (
                uuid() as signal_action_id, (select max(user_id) from two) as user_id, 'ADD' as action_type,
                created_at + interval '{later}' as created_at
            ) from acts;
            delete from stg_signal_actions;
            insert into stg_signal_actions from acts
            """
        )
        world.build(["signal_response", "blast_conversion"])
        whole = (
            "from blast_conversion where tier = 'platform' and window_days is null and artist_band_id is null"
        )
        ((row),) = world.connection.sql(f"select blasts, converted_blasts {whole}").fetchall()
    assert row == (1, converted)


def test_points_taken_back_go_by_the_rule_of_the_day_of_the_act(world: World) -> None:
    """Here the rule ended between the award and the day on which it was taken back."""
    with world.undone():
        ((taken_back, rule_id, ended_on),) = world.connection.sql(
            """
            select back.activity_point_id, award.rule_id, award.occurred_at::date + 1
            from activity_point as award
            inner join activity_point as back on back.reverses_activity_point_id = award.activity_point_id
            where back.user_id is not null and back.occurred_at::date > award.occurred_at::date
            order by back.activity_point_id limit 1
            """
        ).fetchall()
        world.connection.execute(
            "update point_rule set valid_to = $1 where rule_id = $2 and valid_to is null", [ended_on, rule_id]
        )
        world.build(["member_point_source"])
        ((rule,),) = world.connection.execute(
            "select rule from member_point_source where activity_point_id = $1", [taken_back]
        ).fetchall()
    assert rule is not None


def test_history_is_compared_in_whatever_order_nights_arrive() -> None:
    """All that is published is compared in `proof/test_same_set_same_result.py`."""
    assert {*ANSWERS, "sect_activity"} <= set(PUBLISHED)


def test_history_built_upon_that_of_an_earlier_night_is_that_of_a_full_build(tmp_path: Path) -> None:
    config = directories(tmp_path)
    nights = write_world(config.exports_dir, 2)
    world = World()
    reached = []
    for not_after in (nights[-3], nights[-1]):
        reached.append(ingest_nights(config, confirmed=nights, not_after=not_after))
        world.load(config)
        world.build(incremental=len(reached) > 1)
    assert reached[0] < reached[1] == nights[-1]
    world.keep("built_upon", ANSWERS)
    world.build()
    assert world.differing("built_upon", ANSWERS) == {}
