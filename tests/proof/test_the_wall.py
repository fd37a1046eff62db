"""No model and no column crosses the wall, and whoever tries to build one that does is told why not."""

import copy
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from checkout import copied_project
from worlds import compiled

from orchestration.build.lineage import Relation, crossings, page, trace
from orchestration.build.manifest import manifest
from orchestration.build.publication import published_tables
from orchestration.build.wall import MAY_READ, MAY_SEE, MUST_NOT_SEE
from orchestration.settings import PROJECT_DIR

ROTATION_EXPORTS = {
    "track_engagements", "track_votes", "rotation_entries", "tracks", "communities", "fair_play_config",
    "release_deck_schedules",
}  # fmt: skip


def test_the_wall_knows_every_folder_once_and_only_those_there_are() -> None:
    folders = {path.name for path in (PROJECT_DIR / "models").iterdir() if path.is_dir()}
    assert set(MAY_READ) == folders | {"seeds", "raw"}
    text = (PROJECT_DIR / "orchestration" / "build" / "wall.py").read_text()
    for folder in MAY_READ:
        assert text.count(f'\n    "{folder}": ') == 1 + (folder in MAY_SEE) + (folder in MUST_NOT_SEE)


def test_no_room_may_read_itself_or_a_room_that_may_read_it() -> None:
    for folder, rooms in MAY_READ.items():
        assert folder not in rooms
        assert not any(folder in MAY_READ[room] for room in rooms), folder


def test_rotation_may_see_the_exports_of_rotation_and_no_other() -> None:
    assert MAY_SEE["fair_play"] == ROTATION_EXPORTS | {"delivered", "run"}
    exports = {source["name"] for source in manifest()["sources"].values()}
    assert exports >= MAY_SEE["fair_play"] | MUST_NOT_SEE["recognition"]


def test_models_that_read_across_the_wall_are_not_linted_and_each_is_told_why(tmp_path: Path) -> None:
    project = copied_project(tmp_path / "project")
    for model, forbidden in {
        "fair_play/rotation_recurrence.sql": "activity_point",
        "fair_play/track_engagement_day.sql": "stg_users",
        "recognition/known_event.sql": "stg_track_engagements",
    }.items():
        with (project / "models" / model).open("a") as file:
            file.write(f"where exists (select 1 from {{{{ ref('{forbidden}') }}}})\n")
    parsed = run(Path(sys.executable).with_name("dbt"), "parse", "--quiet", cwd=project)
    assert parsed.returncode == 0, parsed.stdout
    # What `make lint` does next.
    assert "python -m orchestration.build.wall target/manifest.json" in (PROJECT_DIR / "Makefile").read_text()
    manifest = project / "target" / "manifest.json"
    linted = run(sys.executable, "-m", "orchestration.build.wall", manifest, cwd=PROJECT_DIR)
    assert linted.returncode == 1
    assert "Traceback" not in linted.stderr
    said = linted.stderr.splitlines()
    assert (
        "rotation_recurrence (fair_play) reads activity_point (recognition), but fair_play may read only "
        "staging: points must never reach rotation, nor listening a point"
    ) in said
    for model, folder, export in (
        ("rotation_recurrence", "fair_play", "signal_actions"),
        ("track_engagement_day", "fair_play", "users"),
        ("known_event", "recognition", "track_engagements"),
        ("activity_score", "recognition", "track_engagements"),
    ):
        sentence = f"{model} ({folder}) depends on the export {export}, which {folder} must never see"
        assert sentence in said


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the Makefile."""
    return subprocess.run(  # noqa: S603
        command, cwd=cwd, capture_output=True, text=True, check=False, env=os.environ
    )


@cache
def traced() -> dict[str, Relation]:
    """The project as it is."""
    return trace(compiled())


def test_no_column_crosses_the_wall(tried: Any) -> None:
    assert crossings(compiled()) == []
    models = [
        node["name"]
        for node in compiled()["nodes"].values()
        if node["resource_type"] == "model" and node["fqn"][1] in ("fair_play", "recognition")
    ]
    assert {"rotation_recurrence", "track_engagement_day", "activity_point", "activity_score"} <= set(models)
    columns = sum(len(traced()[model].columns) for model in models)
    tried("the wall", "columns traced to their exports, in value and in row", columns)


def test_every_fair_play_column_comes_from_the_exports_of_rotation() -> None:
    """The same in other words, so that a mistake in the wall's lists would show."""
    rotation = traced()["rotation_recurrence"]
    books = {f"delivered of {table}" for table in ROTATION_EXPORTS} | {"run"}
    for leaves in (rotation.rows, *rotation.columns.values()):
        assert {table for table, _ in leaves} <= ROTATION_EXPORTS | books
    heard = {("track_engagements", column) for column in ("score", "createdAt", "trackId")}
    assert heard <= rotation.columns["replayed_recurrence_score"]
    assert ("rotation_entries", "recurrenceScore") in rotation.columns["recurrence_score"]
    assert ("fair_play_config", "recurrenceRollingWindowDays") in rotation.columns["verdict"]
    assert ("rotation_entries", "pool") in rotation.rows


@pytest.mark.parametrize("model", ["activity_point", "activity_decision", "activity_score", "user_activity"])
def test_no_column_and_no_row_of_points_comes_from_listening_or_recurrence(model: str) -> None:
    relation = traced()[model]
    for column, leaves in {**relation.columns, "its rows": relation.rows}.items():
        tables = {table.removeprefix("delivered of ") for table, _ in leaves}
        assert not tables & {"track_engagements", "rotation_entries"}, column
    assert ("point_rule", "points") in frozenset().union(*relation.columns.values())


def test_no_column_of_points_anywhere_comes_from_listening_or_recurrence() -> None:
    found = {
        (model, column): {table for table, _ in leaves}
        for model, relation in traced().items()
        for column, leaves in relation.columns.items()
        if ("point_rule", "points") in leaves
    }
    listening = {"track_engagements", "track_votes", "rotation_entries"}
    # The metrics of either side one below the other; those of points are a model of their own.
    assert {place for place, tables in found.items() if tables & listening} == {
        ("analytics_summary", "value"),
        ("analytics_summary", "cohort_size"),
    }
    assert found.keys() >= {
        ("plot_statistics", "activity_score_7d"),
        ("plot_statistics", "activity_score_30d"),
        ("plot_statistics", "activity_score_all_time"),
        ("plot_statistics", "contributors_30d"),
        ("activity_points", "value"),
        ("activity_explanation", "points"),
        ("activity_explanation", "price"),
    }


POINT = "(select max(points) from {}activity_point)"
CROSSING = {
    "a value": (
        "rotation_recurrence",
        "    entries.recurrence_score,\n    verdicts",
        f"    entries.recurrence_score + {POINT.format('warehouse.main.')}"
        " as recurrence_score,\n    verdicts",
        "rotation_recurrence.recurrence_score comes from signal_actions",
    ),
    "a table named without its schema": (
        "rotation_recurrence",
        "    entries.recurrence_score,\n    verdicts",
        f"    entries.recurrence_score + {POINT.format('')} as recurrence_score,\n    verdicts",
        "rotation_recurrence.recurrence_score comes from point_rule",
    ),
    "a filter": (
        "rotation_recurrence",
        "where pool = 'MAIN_ROTATION'",
        "where pool = 'MAIN_ROTATION' and track_id not in (select signal_id from warehouse.main.stg_signals)",
        "which rows rotation_recurrence has comes from signals",
    ),
    "a join": (
        "rotation_recurrence",
        "left join community_tier\n",
        "left join warehouse.main.activity_score as scores on entries.scene_id = scores.scene_id\n"
        "left join community_tier\n",
        "which rows rotation_recurrence has comes from point_rule",
    ),
    "deliveries of another table": (
        "engagement_gap",
        "where table_name = 'track_engagements'",
        "where table_name = 'signal_actions'",
        "rotation_recurrence.verdict comes from signal_actions",
    ),
    "deliveries of this table or another": (
        "engagement_gap",
        "where table_name = 'track_engagements'",
        "where table_name = 'track_engagements' or table_name = 'signal_actions'",
        "rotation_recurrence.verdict comes from delivered",
    ),
    "deliveries of any table": (
        "engagement_gap",
        "where table_name = 'track_engagements'",
        "where true",
        "rotation_recurrence.verdict comes from delivered",
    ),
    "a grouping": (
        "track_engagement_day",
        "group by all",
        "group by track_id, engaged_on having count(*) > (select count(*) from warehouse.main.stg_follows)",
        "which rows track_engagement_day has comes from follows",
    ),
    "an order within a window": (
        "decision",
        "order by occurred_at, tie_order\n        ) as occurrence",
        "order by (select max(score) from warehouse.main.stg_track_engagements), tie_order\n"
        "        ) as occurrence",
        "which rows decision has comes from track_engagements",
    ),
    "listening behind a case": (
        "claim",
        "when not acts.is_verified then",
        "when not acts.is_verified"
        " or acts.user_id in (select user_id from warehouse.main.stg_track_engagements) then",
        "activity_decision.decision comes from track_engagements",
    ),
    "a score that counts tracks in rotation": (
        "activity_score",
        "cast(seasons.points_on_day as bigint) as points_on_day",
        "cast(seasons.points_on_day as bigint) + (select count(*) from warehouse.main.stg_rotation_entries)"
        " as points_on_day",
        "activity_score.points_on_day comes from rotation_entries",
    ),
    "a statistic of points that counts listening": (
        "activity_points",
        "coalesce(sum(scoped.points), 0) as activity_points,",
        "coalesce(sum(scoped.points), 0) + (select count(*) from warehouse.main.stg_track_engagements)"
        " as activity_points,",
        "activity_points.value holds points and comes from track_engagements: listening",
    ),
}


@pytest.mark.parametrize(("model", "line", "instead", "sentence"), CROSSING.values(), ids=CROSSING)
def test_the_tracing_finds_what_crosses_the_wall_by(
    model: str, line: str, instead: str, sentence: str
) -> None:
    doctored = copy.deepcopy(compiled())
    node = next(node for node in doctored["nodes"].values() if node["name"] == model)
    assert line in node["compiled_code"]
    node["compiled_code"] = node["compiled_code"].replace(line, instead)
    found = crossings(doctored)
    assert any(said.startswith(sentence) for said in found), found
    assert all("never reach" in said for said in found)


def test_the_lineage_page_says_what_the_sql_says() -> None:
    written = (PROJECT_DIR / "docs" / "lineage.md").read_text()
    assert written == page(compiled()), "make docs writes docs/lineage.md anew"
    sides = {
        manifest()["nodes"][unique_id]["name"]
        for unique_id in published_tables(manifest())
        if manifest()["nodes"][unique_id]["fqn"][1] in ("fair_play", "recognition")
        and manifest()["nodes"][unique_id]["resource_type"] == "model"
    }
    points = {
        "activity_explanation", "activity_points", "member_cohort", "member_point_source", "member_profile",
        "plot_statistics", "scene_day", "scene_week",
    }  # fmt: skip
    assert {line.split()[1] for line in written.splitlines() if line.startswith("## ")} == sides | points
