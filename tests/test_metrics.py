"""The registry of metrics: it accounts for all that the platform asks for, and for all that is published."""

import csv
from collections.abc import Iterable
from pathlib import Path

import pytest
from conftest import Run

from orchestration.build.manifest import manifest
from orchestration.build.publication import published_tables
from orchestration.lists import LISTS
from orchestration.settings import PROJECT_DIR

# What the platform's instrumentation framework asks for, row by row.
ASKED_FOR = Path(__file__).with_name("metrics_catalogue.csv")
LATER = {  # tables that do not exist yet
    "artist_timeline", "member_profile", "scene_week",
}  # fmt: skip
Row = dict[str, str]


def rows_of(file: Path) -> list[Row]:
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


def registry() -> list[Row]:
    return rows_of(PROJECT_DIR / "seeds" / "metric.csv")


def several(value: str) -> list[str]:
    """A field that lists several things."""
    return [part for part in value.split(";") if part]


def unanswered(asked_for: Iterable[Row], metrics: Iterable[Row]) -> set[str]:
    """What is asked for and no metric answers, and what is answered and nobody asked."""
    asked = {f"{row['section']}>{row['metric']}" for row in asked_for}
    return asked ^ {answer for row in metrics for answer in several(row["catalogue"])}


def test_every_row_that_the_platform_asks_for_is_answered_by_a_metric() -> None:
    assert len(rows_of(ASKED_FOR)) == 233
    assert unanswered(rows_of(ASKED_FOR), registry()) == set()


def test_a_row_that_no_metric_answers_is_named() -> None:
    metrics = [row for row in registry() if row["metric"] != "vote_gini"]
    assert unanswered(rows_of(ASKED_FOR), metrics) == {
        answer for row in registry() if row["metric"] == "vote_gini" for answer in several(row["catalogue"])
    }


@pytest.mark.parametrize("row", registry(), ids=lambda row: row["metric"])
def test_a_metric_says_what_its_status_must(row: Row) -> None:
    waits, is_partly = row["status"] == "waiting", row["status"] == "partly"
    assert row["status"] in ("built", "partly", "waiting")
    assert bool(row["missing"]) == waits or is_partly, "what it waits for"
    assert bool(row["surface"]) == (not waits), "where it is published"
    assert bool(row["coverage"]) == is_partly, "how much of it there is"
    assert set(several(row["surface"])) <= set(published_tables(manifest()).values()) | LATER


@pytest.mark.parametrize("row", registry(), ids=lambda row: row["metric"])
def test_a_metric_asks_for_windows_tiers_and_audiences_that_there_are(row: Row) -> None:
    windows = {str(days) for days in LISTS["windows"]} | {"all", "point_in_time"}
    assert set(several(row["windows"])) <= windows
    assert set(several(row["tiers"])) <= {*LISTS["tiers"], "none"}
    audiences = several(row["audience"])
    assert len(audiences) in (1, len(several(row["subject_type"])))
    assert set(audiences) <= {"public", "artist", "member", "internal"}


def test_every_threshold_is_one_of_a_metric() -> None:
    thresholds = rows_of(PROJECT_DIR / "seeds" / "metric_threshold.csv")
    assert len(thresholds) > 20
    assert {row["metric"] for row in thresholds} <= {row["metric"] for row in registry()}


def test_a_metric_has_just_the_windows_and_tiers_of_its_line(golden: Run) -> None:
    lines = {row["metric"]: row for row in registry()}
    found: dict[str, tuple[set[str], set[str]]] = {}
    for row in golden.table("analytics_summary"):
        now = "point_in_time" if row["is_point_in_time"] else "all"
        windows, tiers = found.setdefault(row["metric"], (set(), set()))
        windows.add(str(row["window_days"] or now))
        tiers.add(row["tier"])
    assert len(found) > 20
    for metric, (windows, tiers) in found.items():
        assert windows == set(several(lines[metric]["windows"])), metric
        assert tiers == set(several(lines[metric]["tiers"])), metric
