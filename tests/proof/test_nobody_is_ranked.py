"""No output ranks people, scenes or artists, and none grants, thresholds or tiers by points."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import duckdb
import pytest
from sqlglot import exp, parse_one
from worlds import PUBLISHED, World, compiled, descendants, directories, models, sample_world

from orchestration.build.lineage import trace
from orchestration.build.manifest import manifest
from orchestration.build.publication import keys, publish, published_tables

NAMES_THAT_RANK = """
    rank ranking ranked position percentile leaderboard top best worst quantile decile winner
    level badge grade standing unlocked eligible threshold
"""
RANKING = set(NAMES_THAT_RANK.split())
# The platform's framework calls these metrics so. Each compares its own numbers with fixed edges, never with
# those of others, and none knows points.
CALLED_SO = {
    "badge_colour_band", "badge_size_band", "engagement_badge", "event_badge", "sect_threshold_progress",
    "sects_near_threshold",
}  # fmt: skip
PRICE = ("point_rule", "points")
Orders = dict[str, list[tuple[object, ...]]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world for all tests here; nothing is changed in it but what is undone."""
    return sample_world(tmp_path_factory.mktemp("ranking"), 2, faults=("broken",))


def words(name: str) -> set[str]:
    """The words a name is made of."""
    return set(re.split(r"[^a-z]+", name.lower()))


def test_no_published_name_ranks_anyone(world: World) -> None:
    assert {table for table in PUBLISHED if words(table) & RANKING} == {"metric_threshold"}
    columns = {
        column
        for unique_id, table in published_tables(manifest()).items()
        for column in manifest()["nodes"][unique_id]["columns"]
        # The edges of the metrics' bands; no metric of points has any.
        if table != "metric_threshold"
    }
    assert {column for column in columns if words(column) & RANKING} == set()
    said = world.connection.execute(
        """
        select metric from analytics_summary union select subject_type from analytics_summary
        union select decision from activity_decision union select capped_by from activity_decision
        union select verdict from rotation_recurrence
        union select not_judged_because from rotation_recurrence union select tier_scope from plot_statistics
        """
    ).fetchall()
    assert len(said) > 30
    of_points = "from metric semi join metric_threshold using (metric) where computed_by = 'activity_points'"
    assert world.connection.execute(of_points).fetchall() == []
    assert {value for (value,) in said if value and words(value) & RANKING} <= CALLED_SO
    assert words("scene_rank") & RANKING, "so that a name that ranks would be seen"


@cache
def columns_without_points() -> dict[str, list[str]]:
    """Of every published table its key, and all columns into which no point goes."""
    traced, key = trace(compiled()), keys(manifest())
    return {
        table: list(
            dict.fromkeys(
                [
                    *key.get(table, []),
                    *(name for name, leaves in traced[table].columns.items() if PRICE not in leaves),
                ]
            )
        )
        for table in PUBLISHED
    }


def order_of(world: World, home: Path) -> Orders:
    """What is published beside points, in the order in which a reader finds its rows."""
    config = directories(home)
    world.leave(config)
    publish(config, [*PUBLISHED, "publication"])
    with duckdb.connect(str(config.published_file), read_only=True) as connection:
        connection.execute("set threads = 1")
        return {
            table: connection.execute(f"select {', '.join(columns)} from {table}").fetchall()
            for table, columns in columns_without_points().items()
        }


# The points of all awards, dealt anew.
DEALT_ANEW = """
    with decided as ({sql}),
    here as (
        select *, row_number() over (order by md5(act_id::varchar)) as place from decided where is_awarded
    ),
    there as (select points, row_number() over (order by md5('{seed}' || act_id::varchar)) as place from here)
    select here.* exclude (place) replace (there.points as points) from here inner join there using (place)
    union all
    from decided where not is_awarded
"""


def deal_anew(world: World, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Build with every award worth what another one was worth."""
    known = models()
    sql = DEALT_ANEW.format(sql=known["decision"].sql, seed=seed)
    planted = known | {"decision": replace(known["decision"], sql=sql)}
    with monkeypatch.context() as patch:
        patch.setattr("worlds.models", lambda: planted)
        world.build(descendants("decision"))


def test_points_dealt_anew_among_members_change_no_order_of_any_output(
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    long: bool,
    tried: Callable[[str, str, int], None],
) -> None:
    before = order_of(world, tmp_path)
    assert before.keys() == set(PUBLISHED)
    assert min(len(rows) for rows in before.values()) > 0
    world.keep("before", ["user_activity", "activity_score"])
    deals = 40 if long else 3
    for seed in range(deals):
        deal_anew(world, monkeypatch, seed)
        assert world.differing("before", ["user_activity", "activity_score"]).keys() == {
            "user_activity",
            "activity_score",
        }
        after = order_of(world, tmp_path)
        assert [table for table in before if before[table] != after[table]] == []
    world.build(descendants("decision"))
    tried("nobody is ranked", "deals of all points anew among members, every table in the same order", deals)


def test_two_versions_of_a_rule_come_in_the_order_of_their_days(world: World, tmp_path: Path) -> None:
    for day, points in (("2030-01-01", 1), ("2029-01-01", 99)):
        world.connection.execute(
            "insert into point_rule select * replace ($1 as points, $2::date as valid_from) "
            "from point_rule where rule_id = 'support' and valid_from = date '1970-01-01'",
            [points, day],
        )
    found = order_of(world, tmp_path)["point_rule"]
    world.connection.execute("delete from point_rule where valid_from >= date '2029-01-01'")
    days = [str(row[1]) for row in found if row[0] == "support"]
    assert days == ["1970-01-01", "2029-01-01", "2030-01-01"]


def test_an_order_by_points_is_found(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_points = keys(manifest()) | {"user_activity": ["points_all_time", "user_id", "activity_type"]}
    monkeypatch.setattr("orchestration.build.publication.keys", lambda _: by_points)
    before = order_of(world, tmp_path)
    deal_anew(world, monkeypatch, 1)
    after = order_of(world, tmp_path)
    world.build(descendants("decision"))
    assert [table for table in before if before[table] != after[table]] == ["user_activity"]


POINTS = re.compile(r"(^|_)(points?|price|scores?)($|_(?!id$|adjustment|in_time$))")
# What decides about an act compares its claim with its caps; nobody else compares points with anything but 0.
CAPS = ("claim", "decision")


@cache
def queries() -> dict[str, exp.Expression]:
    """The SQL of every model that knows points, be it in a value or in which rows it has."""
    traced = trace(compiled())
    return {
        node["name"]: parse_one(node["compiled_code"], dialect="duckdb")
        for node in compiled()["nodes"].values()
        if node["resource_type"] == "model"
        and any(PRICE in of for of in (traced[node["name"]].rows, *traced[node["name"]].columns.values()))
    }


def is_points(name: str, known: set[str]) -> bool:
    """Whether points go under this name."""
    return name.lower() in known or bool(POINTS.search(name.lower()))


def points_in(query: exp.Expression, known: set[str]) -> Iterator[exp.Column]:
    """The columns in an expression that hold points, under whatever name; comparing them is not holding.

    Of a subquery those that it selects.
    """
    apart = exp.Predicate | exp.Where | exp.Select | exp.Count
    for node in query.walk(prune=lambda node: isinstance(node, apart)):
        if isinstance(node, exp.Column) and is_points(node.name, known):
            yield node
        elif isinstance(node, exp.Select):
            for item in node.selects:
                yield from points_in(item, known)


def named_in(query: exp.Expression) -> Iterator[tuple[str, exp.Expression]]:
    """Every name that a query gives, and what it is given to."""
    for alias in query.find_all(exp.Alias):
        yield alias.alias, alias.this
    for alias in query.find_all(exp.TableAlias):
        if isinstance(alias.parent.this, exp.Query):
            for name, item in zip(alias.columns, alias.parent.this.selects, strict=False):
                yield name.name, item.unalias()


def names_of_points(sql: dict[str, exp.Expression]) -> set[str]:
    """Every name under which points go, in any model."""
    given = [pair for query in sql.values() for pair in named_in(query)]
    known: set[str] = set()
    while True:
        found = {
            name.lower()
            for name, item in given
            if not isinstance(item, exp.Predicate | exp.Count) and any(points_in(item, known))
        }
        if found <= known:
            return known
        known |= found


# What may be made of points: anything else could make a level of them, as a division does.
ADDING_UP = exp.Sum | exp.Add | exp.Sub | exp.Neg | exp.Mul | exp.Cast | exp.Coalesce | exp.Case | exp.If
MAKING = exp.Func | exp.Binary | exp.Unary | exp.Bracket
PLACING = exp.Limit | exp.Rank | exp.DenseRank | exp.PercentRank | exp.Ntile | exp.CumeDist


def decides(node: exp.Expression, known: set[str]) -> bool:
    """Whether something is decided or ordered by points here, or could be."""
    if isinstance(node, exp.Exists):
        return False
    parts = list(node.iter_expressions())
    of_points = any(any(points_in(part, known)) for part in parts)
    is_literal = [isinstance(part.unnest(), exp.Literal) for part in parts]
    if isinstance(node, exp.Predicate):
        zero = any(part.this == "0" for part, literal in zip(parts, is_literal, strict=True) if literal)
        return of_points and not zero
    if isinstance(node, exp.Case):
        return node.this is not None and any(points_in(node.this, known))
    if isinstance(node, exp.Join):
        return any(is_points(column.name, known) for column in node.args.get("using") or [])
    if isinstance(node, exp.Mul):
        return of_points and any(is_literal)
    if isinstance(node, exp.Ordered):
        return of_points
    return isinstance(node, PLACING) or (
        isinstance(node, MAKING) and not isinstance(node, ADDING_UP) and of_points
    )


def judgements(sql: dict[str, exp.Expression]) -> list[str]:
    """Whatever decides or orders by points: comparisons with anything but zero, orders, ranks, limits."""
    known = names_of_points(sql)
    return [
        f"{model}: {node.sql('duckdb')}"
        for model, query in sql.items()
        for node in query.walk()
        if decides(node, known)
    ]


def test_nothing_is_granted_thresholded_or_tiered_by_points() -> None:
    found = judgements(queries())
    assert {line for line in found if not line.startswith(tuple(f"{model}: " for model in CAPS))} == set()
    assert {line for line in found if "LEAST(" not in line and "GREATEST(" not in line} == {
        "decision: day_points < source_points",
        "decision: source_points < price",
        "decision: daily_cap_points IS NULL",
        "decision: claim.daily_cap_points IS NULL",
        "decision: MIN(daily_cap_points)",
        "decision: SUM(price) > MIN(cap_per_source)",
        "decision: SUM(source_points) > MIN(daily_cap_points)",
    }
    assert {"value", "activity_points", "points_30d", "activity_score_7d"} <= names_of_points(queries())


JUDGING = {
    "a threshold": "select user_id from user_activity where points_all_time >= 1000",
    "a threshold under another name": """
        with a as (select sum(points) as total from ledger) select total > 99 as is_rich from a
    """,
    "a level": "select case when points_30d between 1 and 9 then 'new' end as kind from user_activity",
    "a level by value": "select case points_30d when 7 then 'lucky' end as kind from user_activity",
    "a ledger of the rich": "select user_id from ledger group by user_id having sum(points) > 100",
    "a comparison of scenes": """
        select a.scope_id from activity_score as a inner join activity_score as b on a.points_7d > b.points_7d
    """,
    "an order": "select row_number() over (order by points_all_time desc) as place from user_activity",
    "a rank": "select scope_id, dense_rank() over (order by scope_id) as place from activity_score",
    "a first ten": "select user_id from user_activity limit 10",
    "a bound": "select greatest(points_7d, 10) as shown from activity_score",
    "the first of all": "select max_by(user_id, points_30d) as who from user_activity",
    "whoever has the most": """
        select user_id from user_activity where points_30d = (select max(points_30d) from user_activity)
    """,
    "a level by whole division": "select points_30d // 100 as kind from user_activity",
    "a level by division": "select floor(points_30d / 1000) as kind from user_activity",
    "a level by multiplication": "select cast(points_30d * 0.001 as integer) as kind from user_activity",
    "a level by lookup": "select ['new', 'old'][points_30d] as kind from user_activity",
    "a level from a table": "select kind from user_activity inner join kinds using (points_30d)",
    "a quantile": "select quantile_cont(points_7d, 0.9) as high from activity_score",
    "a threshold of a subquery": """
        select user_id from user_activity as a
        where (select sum(l.points) from ledger as l where l.user_id = a.user_id) > 100
    """,
    "a threshold of a named subquery": """
        with a as (select user_id, (select sum(points) from ledger) as total from subject)
        select user_id from a where total > 100
    """,
    "a threshold of a column named afar": """
        with a (who, total) as (select user_id, sum(points) from ledger group by all)
        select who from a where total > 100
    """,
    "one of the points there are": "select user_id from a where 7 in (select points from ledger)",
}


@pytest.mark.parametrize("sql", JUDGING.values(), ids=JUDGING)
def test_what_judges_by_points_is_found(sql: str) -> None:
    assert judgements(queries() | {"judge": parse_one(sql, dialect="duckdb")})[-1].startswith("judge: ")
