"""Each list is written once: after one more line, all that reads it follows, or says what is missing."""

import csv
import datetime as dt
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from conftest import uid
from golden.world import EXPORTS, expected
from rich.console import Console
from worlds import World, directories, ingest_nights, models

from orchestration.ask import explain as explanation
from orchestration.build.lineage import on_tables
from orchestration.build.manifest import export_tables, manifest
from orchestration.lists import LISTS
from orchestration.settings import PROJECT_DIR

LAST_NIGHT = dt.date(2026, 1, 3)
# One more line in each list.
WIDER = {
    "windows": [7, 14, 30, 90],
    "tiers": {**LISTS["tiers"], "region": ["state"], "galaxy": []},
    "personal": [
        *LISTS["personal"],
        {"applies_to": "name", "pattern": "shoe_?size", "reason": "describes a member"},
        {"applies_to": "text", "pattern": "[+]1 555 [0-9]+", "reason": "a telephone number"},
    ],
}


@dataclass(frozen=True)
class Wider:
    """The golden nights under the longer lists: all tables, the published ones in a file, and all SQL."""

    world: World
    file: Path
    sql: dict[str, str]

    def build(self, names: Iterable[str]) -> None:
        """Build these models, each after those it reads."""
        self.world.build(names=(), planted={name: self.sql[name] for name in names})


@pytest.fixture(scope="module")
def wider(tmp_path_factory: pytest.TempPathFactory) -> Wider:
    """The golden nights, built with the longer lists and nothing else changed."""
    home = tmp_path_factory.mktemp("wider")
    (home / "building").mkdir()
    done = subprocess.run(  # noqa: S603
        [
            Path(sys.executable).with_name("dbt"), "compile",
            "--vars", json.dumps(WIDER), "--target-path", home / "target",
        ],
        cwd=PROJECT_DIR, capture_output=True, text=True, check=False,
        env=os.environ | {"WAREHOUSE_DIR": str(home)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    nodes = json.loads((home / "target" / "manifest.json").read_bytes())["nodes"].values()
    sql = {node["name"]: on_tables(node["compiled_code"]) for node in nodes if node.get("compiled_code")}
    world = World()
    config = directories(home, EXPORTS)
    assert ingest_nights(config, confirmed=[LAST_NIGHT]) == LAST_NIGHT
    world.load(config)
    # The registry's lines ask for them, too.
    world.connection.execute(
        "update metric set windows = windows || ';14', tiers = tiers || ';region;galaxy'"
    )
    made = Wider(world, config.warehouse_file, sql)
    made.build(models())
    world.leave(config)
    return made


# What a second copy of a list looks like, in models, macros, laws and code.
COPIES = {
    "windows": r"\b7\b\W+30\b\W+90\b",
    # Not the tiers that a community of the platform may have: those are the platform's.
    "tiers": r"(?s)(?<!accepted_values: \[)\bcity\b.{0,80}?\bstate\b.{0,80}?\bnational\b",
    "personal": r"e_\?mail|2\[aby\]|password\|",
}


@pytest.mark.parametrize("name", COPIES)
def test_no_list_is_written_a_second_time(name: str) -> None:
    folders = ("models", "macros", "seeds", "tests/laws", "orchestration", "bench")
    files = [path for folder in folders for path in sorted((PROJECT_DIR / folder).rglob("*.*"))]
    # The sample plays the platform, and the peers other warehouses: they have lists of their own. The
    # registry lists those of each metric.
    own = ("sample", "peers")
    files = [path for path in files if path.parent.name not in own and path.name != "metric.csv"]
    texts = {path: path.read_text() for path in files if path.suffix in (".sql", ".yml", ".py", ".csv")}
    assert [path for path, text in texts.items() if re.search(COPIES[name], text)] == []
    assert re.search(COPIES[name], (PROJECT_DIR / "dbt_project.yml").read_text()), "so that a copy is seen"


def without_column(windows: Collection[int]) -> dict[str, list[str]]:
    """The columns that contracts lack for these windows, by the file that must say them."""
    found = {}
    for node in manifest()["nodes"].values():
        if "points_{{ days }}d" in node.get("raw_code", ""):
            wanted = [f"points_{days}d" for days in windows]
            written = [column for column in node["columns"] if re.fullmatch(r"points_\d+d", column)]
            if written != wanted:
                found[node["original_file_path"].replace(".sql", ".yml")] = wanted
    return found


def test_every_window_has_its_column_in_every_contract() -> None:
    assert without_column(LISTS["windows"]) == {}, "write these columns, in this order"


def test_a_window_without_a_column_is_named_with_the_file_that_lacks_it() -> None:
    wanted = ["points_7d", "points_14d", "points_30d", "points_90d"]
    assert without_column(WIDER["windows"]) == {
        "models/recognition/activity_score.yml": wanted,
        "models/recognition/user_activity.yml": wanted,
        "models/analytics/screens/member_profile.yml": wanted,
    }


def test_every_activity_type_that_has_words_has_its_columns_in_the_profile() -> None:
    with (PROJECT_DIR / "seeds" / "activity_type.csv").open(newline="") as file:
        types = [row["activity_type"] for row in csv.DictReader(file)]
    assert types == LISTS["activity_types"]
    (profile,) = (node for node in manifest()["nodes"].values() if node["name"] == "member_profile")
    ends = ["all_time", *(f"{days}d" for days in LISTS["windows"])]
    wanted = {f"{kind}_points_{end}" for kind in types for end in ends}
    assert wanted == {column for column in profile["columns"] if re.fullmatch(r"\w+_points_\w+", column)}


def test_a_new_window_is_in_the_scores_the_profiles_and_the_summaries(wider: Wider) -> None:
    """The points of 14 days are those since 21 December in the ledger that was worked out by hand."""
    recent = [row for row in expected("activity_point") if row["occurred_at"] >= "2025-12-21"]
    points = sum(int(row["points"]) for row in recent)
    of_members = sum(int(row["points"]) for row in recent if row["user_id"])
    score = """
        select sum(points_14d) from activity_score
        where tier = 'city' and as_of_date = (select as_of_date from as_of)
    """
    summary = """
        select sum(value) from analytics_summary
        where tier = 'city' and metric = 'activity_points' and window_days = 14
    """
    assert wider.world.connection.sql(score).fetchall() == [(points,)]
    assert wider.world.connection.sql(summary).fetchall() == [(points,)]
    assert wider.world.connection.sql("select sum(points_14d) from user_activity").fetchall() == [
        (of_members,)
    ]
    assert wider.world.connection.sql("select 1 from artist_analytics where window_days = 14").fetchall()


def test_a_new_window_is_explained(wider: Wider, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, longer in WIDER.items():
        monkeypatch.setitem(LISTS, name, longer)
    ((user_id,),) = wider.world.connection.sql("select min(user_id) from user_activity").fetchall()
    ((scope_id,),) = wider.world.connection.sql(
        "select min(scope_id) from scope where tier = 'city'"
    ).fetchall()
    console = Console(file=io.StringIO(), width=250)
    explanation.explain_user(console, wider.file, user_id)
    explanation.explain_scene(console, wider.file, str(scope_id), None)
    # Of the member's points, of the score, and of its parts.
    assert console.file.getvalue().count("points_14d") == 3


def test_new_tiers_have_their_scopes_scores_and_people(wider: Wider) -> None:
    """The golden README adds up: a region is a state whatever the music, the galaxy everything there is.

    Texas is Texas punk and Texas folk: 222 + 70 points, 2 + 6 members, and of contributors Ann, Cat, Fay and
    Dan. In the galaxy Ben and Gus earned something, too.
    """
    assert wider.world.connection.sql(
        """
        select
            tier, score.state, scope.label, is_unscoped,
            points_all_time, score.members, contributors_30d, summary.value
        from activity_score as score
        inner join as_of using (as_of_date)
        inner join scope using (scope_id, tier)
        inner join analytics_summary as summary using (scope_id, tier)
        where
            tier in ('region', 'galaxy') and summary.subject_type = 'scene'
            and metric = 'activity_points' and window_days is null
        order by tier, label
        """
    ).fetchall() == [
        ("galaxy", None, "galaxy", False, 955, 11, 6, 955.0),
        ("region", "Oregon", "Oregon", False, 670, 2, 4, 670.0),
        ("region", "Texas", "Texas", False, 292, 8, 4, 292.0),
        ("region", None, "in no region scene", True, -7, 1, 0, -7.0),
    ]


def test_a_plot_is_asked_about_every_tier_that_has_parts(wider: Wider) -> None:
    """Of its city, its state with its music and without, its nation. Platform and galaxy are no places."""
    scopes = "select distinct tier_scope from plot_statistics order by all"
    assert wider.world.connection.sql(scopes).fetchall() == [
        ("city",),
        ("national",),
        ("region",),
        ("state",),
    ]
    totals = "select tier_scope, activity_score_all_time from plot_statistics where scene_id = $1"
    assert dict(wider.world.connection.execute(totals, [uid(2, 1)]).fetchall()) == {
        "city": 167, "state": 222, "region": 292, "national": 892,
    }  # fmt: skip


def test_the_laws_look_at_new_tiers(wider: Wider) -> None:
    connection, law = wider.world.connection, wider.sql["every_total_equals_the_sum_of_its_parts"]
    assert connection.sql(law).fetchall() == []
    for tier in ("region", "galaxy"):
        with wider.world.undone():
            connection.execute("delete from activity_score where tier = $1", [tier])
            assert [total for total, *_ in connection.sql(law).fetchall()] == [
                f"{tier} scopes by day", f"{tier} scopes on the last day",
            ]  # fmt: skip


@pytest.mark.parametrize(
    ("label", "points"), [("galaxy", 955), ("Texas", 292), ("in no region scene", -7), ("Texas punk", 222)]
)
def test_a_scope_of_a_new_tier_is_explained_as_the_sum_of_its_parts(
    wider: Wider, monkeypatch: pytest.MonkeyPatch, label: str, points: int
) -> None:
    for name, longer in WIDER.items():
        monkeypatch.setitem(LISTS, name, longer)
    console = Console(file=io.StringIO(), width=250)
    explanation.explain_scene(console, wider.file, label, None)
    _, parts = console.file.getvalue().split("The sum of its parts")
    # The last but one number of a line is of all time.
    lines = [line.split() for line in parts.splitlines() if line.split()[1:2] == ["1"]]
    assert sum(int(line[-2].replace(",", "")) for line in lines) == points


def test_what_a_moderator_may_take_at_once_is_said_by_the_rule_alone(wider: Wider) -> None:
    """A moderator takes 2,000 at once, which the rule allows, then 4,000, of which it allows 3,000."""
    connection = wider.world.connection
    with wider.world.undone():
        connection.execute("update point_rule set max_points_per_award = 3000 where rule_id = 'adjustment'")
        for asked, paid in ((-2000, -2000), (-4000, -3000)):
            connection.execute("update stg_activity_point_adjustments set points = $1", [asked])
            wider.build(model.name for model in models().values() if model.folder == "recognition")
            ledger = connection.sql("select points from activity_point where rule_id = 'adjustment'")
            assert ledger.fetchall() == [(paid,)]
            assert (
                connection.sql(wider.sql["every_ledger_row_pays_what_its_act_and_rule_say"]).fetchall() == []
            )


def test_what_is_newly_personal_is_found_by_its_law(wider: Wider) -> None:
    connection, law = wider.world.connection, wider.sql["nothing_personal_is_published"]
    assert connection.sql(law).fetchall() == []
    with wider.world.undone():
        connection.execute("alter table subject add column shoeSize integer")
        connection.execute("update row_account set reason = 'call +1 555 0100' where table_name = 'users'")
        assert sorted(connection.sql(law).fetchall()) == [
            ("row_account", "a text that looks personal"), ("subject", "shoeSize"),
        ]  # fmt: skip


def test_whatever_is_personal_says_where_it_is_looked_for_and_why() -> None:
    assert {entry["applies_to"] for entry in LISTS["personal"]} == {"name", "text", "delivered"}
    for entry in LISTS["personal"]:
        assert entry.keys() == {"applies_to", "pattern", "reason"}
        assert entry["reason"]
        assert entry["pattern"] == entry["pattern"].lower()
        assert duckdb.execute("select regexp_matches('', $1)", [entry["pattern"]]).fetchone() == (False,)


def test_no_contracted_column_is_named_like_something_personal() -> None:
    names = "|".join(entry["pattern"] for entry in LISTS["personal"] if entry["applies_to"] == "name")
    kept = {(table.name, c.name) for table in export_tables().values() for c in table.columns}
    allowed = {(table, entry["column"]) for entry in LISTS["not_personal"] for table in entry["tables"]}
    assert ("users", "homeSceneId") in kept
    assert {place for place in kept if re.search(names, place[1].lower())} == kept & allowed


def test_what_may_have_a_personal_name_says_why_and_is_exactly_where_it_is_said_to_be(wider: Wider) -> None:
    names = "|".join(entry["pattern"] for entry in LISTS["personal"] if entry["applies_to"] == "name")
    for entry in LISTS["not_personal"]:
        assert entry.keys() == {"column", "tables", "reason"}
        assert entry["reason"]
        assert re.search(names, entry["column"])
        found = wider.world.connection.execute(
            "select distinct table_name from information_schema.columns where column_name = $1 order by all",
            [entry["column"]],
        ).fetchall()
        assert [table for (table,) in found] == entry["tables"]
