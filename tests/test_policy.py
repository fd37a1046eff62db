"""A policy is checked line by line, adopted as dated lines, replayed by the models that really score."""

import hashlib
import shutil
from pathlib import Path

import duckdb
import pytest
from conftest import Run
from golden.world import golden_run
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.policy.checks import POINT_RULES, SCORE_POLICY, SEEDS_DIR, problems
from orchestration.policy.what_if import replay
from orchestration.settings import Settings

SUPPORT = "1,support,support,10,false,,50,,,1970-01-01,,Supporting a signal\n"
RESPONSE = "1,blast_response,blast,2,false,,60,20,168,1970-01-01,,"
SCORE = "1,,none,1970-01-01,,"


@pytest.fixture
def candidate(tmp_path: Path) -> Path:
    """The seeds, to be changed."""
    for name in (POINT_RULES, SCORE_POLICY):
        shutil.copy(SEEDS_DIR / name, tmp_path)
    return tmp_path


def change(candidate: Path, name: str, old: str, new: str) -> None:
    """Change one place of a candidate."""
    text = (candidate / name).read_text()
    assert text.count(old) == 1
    (candidate / name).write_text(text.replace(old, new))


def test_the_seeds_are_a_policy_without_problems() -> None:
    assert problems(SEEDS_DIR) == []


def test_a_new_version_that_begins_where_the_old_one_ends_is_no_problem(candidate: Path) -> None:
    ended = SUPPORT.replace("1970-01-01,,", "1970-01-01,2026-03-01,")
    begun = "2,support,support,12,false,,60,,,2026-03-01,,Supporting a signal\n"
    change(candidate, POINT_RULES, SUPPORT, ended + begun)
    assert problems(candidate) == []


WRONG_SUPPORT = {
    "points that are no number": (
        SUPPORT.replace("10", "ten"),
        "line 4: points is no whole number (is 'ten')",
    ),
    "points with a fraction": (
        SUPPORT.replace("10", "9.5"),
        "line 4: points is no whole number (is '9.5')",
    ),
    "too many points": (
        SUPPORT.replace("10", "1001"),
        "line 4: points must lie between -1000 and 1000 (is '1001')",
    ),
    "too many points taken": (
        SUPPORT.replace("10", "-1001"),
        "line 4: points must lie between -1000 and 1000 (is '-1001')",
    ),
    "no points": (SUPPORT.replace("10", ""), "line 4: support has no points"),
    "a bonus or not": (
        SUPPORT.replace("false", "maybe"),
        "line 4: is_bonus must be one of true, false (is 'maybe')",
    ),
    "a cap below zero": (
        SUPPORT.replace("50", "-1"),
        "line 4: daily_cap_points must lie between 0 and 1000000 (is '-1')",
    ),
    "no version": (SUPPORT.replace("1,", ",", 1), "line 4: policy_version is empty (is '')"),
    "no beginning": (
        SUPPORT.replace("1970-01-01", ""),
        "line 4: valid_from is no day YYYY-MM-DD (is '')",
    ),
    "a day written in another way": (
        SUPPORT.replace("1970-01-01", "19700101"),
        "line 4: valid_from is no day YYYY-MM-DD (is '19700101')",
    ),
    "an end that is no day": (
        SUPPORT.replace("1970-01-01,,", "1970-01-01,never,"),
        "line 4: valid_to is no day YYYY-MM-DD (is 'never')",
    ),
    "an end on the day it begins": (
        SUPPORT.replace("1970-01-01,,", "1970-01-01,1970-01-01,"),
        "line 4: support ends on 1970-01-01, not after it begins",
    ),
    "another kind of activity": (
        SUPPORT.replace("support,support", "support,project"),
        "line 4: support is of activity type support, not project",
    ),
    "a gap": (
        SUPPORT.replace("1970-01-01,,", "1970-01-01,2026-03-01,")
        + "2,support,support,12,false,,60,,,2026-03-02,,Supporting a signal\n",
        "line 5: support begins on 2026-03-02 but leaves a gap after the line before it, ending 2026-03-01",
    ),
    "an overlap of a day": (
        SUPPORT.replace("1970-01-01,,", "1970-01-01,2026-03-01,")
        + "2,support,support,12,false,,60,,,2026-02-28,,Supporting a signal\n",
        "line 5: support begins on 2026-02-28 but overlaps the line before it, ending 2026-03-01",
    ),
    "an overlap with what never ends": (
        SUPPORT + "2,support,support,12,false,,60,,,2026-03-01,,Supporting a signal\n",
        "line 5: support begins on 2026-03-01 but overlaps the line before it, ending never",
    ),
    "a rule nothing emits": (
        SUPPORT + "1,applause,support,1,false,,,,,1970-01-01,,Clapping\n",
        "line 5: no SQL in models/recognition/acts emits the rule applause",
    ),
}


@pytest.mark.parametrize(("lines", "problem"), WRONG_SUPPORT.values(), ids=WRONG_SUPPORT)
def test_a_wrong_line_is_named_with_what_is_wrong(candidate: Path, lines: str, problem: str) -> None:
    change(candidate, POINT_RULES, SUPPORT, lines)
    assert problems(candidate) == [f"point_rule.csv {problem}"]


def test_a_rule_without_a_line_is_missed(candidate: Path) -> None:
    change(candidate, POINT_RULES, SUPPORT, "")
    assert problems(candidate) == ["point_rule.csv: no line for the rule support"]


def test_a_response_needs_a_window(candidate: Path) -> None:
    change(candidate, POINT_RULES, RESPONSE, RESPONSE.replace("168", ""))
    assert problems(candidate) == ["point_rule.csv line 3: blast_response needs response_window_hours"]


def test_points_of_an_adjustment_are_the_moderators(candidate: Path) -> None:
    change(candidate, POINT_RULES, "adjustment,adjustment,,", "adjustment,adjustment,5,")
    assert problems(candidate) == [
        "point_rule.csv line 12: points of adjustment come from the moderator; leave empty"
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1,0,none,1970-01-01,,", "half_life_days must lie between 1 and 36500 (is '0')"),
        ("1,a month,none,1970-01-01,,", "half_life_days is no whole number (is 'a month')"),
        ("1,,month,1970-01-01,,", "season_length must be one of none, quarter, year (is 'month')"),
        ("1,,,1970-01-01,,", "season_length must be one of none, quarter, year (is '')"),
        ("1,,none,1970-02-30,,", "valid_from is no day YYYY-MM-DD (is '1970-02-30')"),
        ("1,,none,1970-01-02,1970-01-01,", "ends on 1970-01-01, not after it begins"),
    ],
)
def test_a_wrong_score_policy_is_named(candidate: Path, line: str, problem: str) -> None:
    change(candidate, SCORE_POLICY, SCORE, line)
    assert problems(candidate) == [f"score_policy.csv line 2: {problem}"]


def test_a_score_policy_says_something(candidate: Path) -> None:
    (candidate / SCORE_POLICY).write_text((SEEDS_DIR / SCORE_POLICY).read_text().splitlines()[0] + "\n")
    assert problems(candidate) == ["score_policy.csv: no line at all"]


def test_columns_are_those_of_the_seeds(candidate: Path) -> None:
    columns = (SEEDS_DIR / POINT_RULES).read_text().splitlines()[0]
    change(candidate, POINT_RULES, columns, columns.replace("points,", "value,", 1))
    assert problems(candidate) == [f"point_rule.csv line 1: expected the columns {columns}"]


def test_every_problem_of_both_files_is_listed(candidate: Path) -> None:
    change(candidate, POINT_RULES, SUPPORT, SUPPORT.replace("10", "ten").replace("false", "no"))
    change(candidate, POINT_RULES, RESPONSE, RESPONSE.replace("168", "0"))
    change(candidate, SCORE_POLICY, SCORE, "1,0,none,1970-01-01,,")
    assert problems(candidate) == [
        "point_rule.csv line 3: response_window_hours must lie between 1 and 8760 (is '0')",
        "point_rule.csv line 4: points is no whole number (is 'ten')",
        "point_rule.csv line 4: is_bonus must be one of true, false (is 'no')",
        "score_policy.csv line 2: half_life_days must lie between 1 and 36500 (is '0')",
    ]


def test_a_file_that_is_not_there_cannot_be_read(candidate: Path) -> None:
    (candidate / SCORE_POLICY).unlink()
    (problem,) = problems(candidate)
    assert problem.startswith("score_policy.csv: cannot be read (")


COLUMNS = (
    "policy_version,rule_id,activity_type,points,is_bonus,max_points_per_award,daily_cap_points,"
    "cap_per_source,response_window_hours,valid_from,valid_to,description\n"
)
SCORE_COLUMNS = "policy_version,half_life_days,season_length,valid_from,valid_to,description\n"


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The golden nights as built."""
    return golden_run(tmp_path_factory)


def replayed(golden: Run, candidate: Path) -> duckdb.DuckDBPyConnection:
    """The golden nights under a candidate's policy, in the database `warehouse`."""
    connection = duckdb.connect()
    folder = golden.warehouse_dir
    replay(
        Settings(folder, folder, folder, 10, 0.01, 0.01, 1 << 30, publications_kept=1), candidate, connection
    )
    return connection


@pytest.mark.parametrize("table", ["act", "decision", "ledger", "activity_score"])
def test_what_if_nothing_changed_nothing_changes(golden: Run, table: str) -> None:
    before = hashlib.sha256(golden.published_file.read_bytes()).hexdigest()
    with replayed(golden, SEEDS_DIR) as connection:
        assert connection.table(f"warehouse.main.{table}").limit(1).fetchall()
        for one, other in (("built", "warehouse"), ("warehouse", "built")):
            # By name: dbt casts and orders the columns of a contract, the replay leaves them as they come.
            columns = ", ".join(
                f'"{row[0]}"' for row in connection.sql(f"describe built.main.{table}").fetchall()
            )
            assert (
                connection.sql(
                    f"select {columns} from {one}.main.{table} "  # noqa: S608
                    f"except all select {columns} from {other}.main.{table}"
                ).fetchall()
                == []
            )
    assert hashlib.sha256(golden.published_file.read_bytes()).hexdigest() == before


def test_what_if_a_support_were_worth_twice(golden: Run, candidate: Path) -> None:
    """Ben's one support 20; of Dan's six on one day 20, 20, and the 10 that are left under 50."""
    change(candidate, POINT_RULES, SUPPORT, SUPPORT.replace("10", "20"))
    with replayed(golden, candidate) as connection:
        assert connection.sql(
            "select points from warehouse.main.ledger where rule_id = 'support' order by occurred_at"
        ).fetchall() == [(20,), (20,), (20,), (10,)]
        assert connection.sql("select sum(points) from warehouse.main.ledger").fetchone() == (965 + 10,)


def test_the_command_compares_and_leaves_the_published_file_alone(golden: Run, candidate: Path) -> None:
    change(candidate, POINT_RULES, "support,support,10,", "support,support,20,")
    before = hashlib.sha256(golden.published_file.read_bytes()).hexdigest()
    outcome = CliRunner().invoke(
        app, ["what-if", str(candidate), "--warehouse-dir", str(golden.warehouse_dir)]
    )
    assert outcome.exit_code == 0, outcome.output
    assert hashlib.sha256(golden.published_file.read_bytes()).hexdigest() == before


def test_the_command_lists_what_is_wrong_with_a_candidate(golden: Run, candidate: Path) -> None:
    change(candidate, POINT_RULES, "support,support,10,", "support,support,ten,")
    outcome = CliRunner().invoke(
        app, ["what-if", str(candidate), "--warehouse-dir", str(golden.warehouse_dir)]
    )
    assert outcome.exit_code == 2
    assert "support,support" not in outcome.output
    assert f"{POINT_RULES} line" in outcome.output
