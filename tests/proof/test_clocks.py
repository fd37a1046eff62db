"""The clock, the time zone and the locale of the machine change nothing: everything is UTC, as delivered.

`runs.undisturbed` lives under America/St_Johns and the locale C, with a clock that is 27 years ahead. The
check on the SQL is seen to find every way in which a model could look at the clock.
"""

import dataclasses
import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import runs
from conftest import Run
from golden.world import assert_same_rows, compiled_sql, expected
from runs import command, run, tables

from orchestration.sample import SMALLEST, write_sample

Tried = Callable[[str, str, int], None]

PROMISE = "the machine's clock, time zone and locale change nothing"
BY_HAND = (
    "activity_decision", "activity_point", "artist_analytics", "plot_statistics", "publication",
    "rejected_row", "rotation_recurrence", "row_account", "user_activity",
)  # fmt: skip
CLOCKS = r"""
    \b(now|today|get_current_\w+|random|gen_random_uuid|uuid)\s*\(
    |\b(current_(date|time|timestamp)|localtime(stamp)?)\b
"""


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The golden nights, run where everything about time is wrong."""
    warehouse_dir = runs.undisturbed(tmp_path_factory) / "warehouse"
    return Run(True, None, warehouse_dir / "analytics.duckdb", warehouse_dir)


@pytest.mark.parametrize("table", BY_HAND)
def test_under_a_wrong_clock_in_another_zone_the_tables_are_those_worked_out_by_hand(
    strange: Run, table: str, tried: Tried
) -> None:
    assert_same_rows(strange.table(table), expected(table))
    tried(PROMISE, "a table worked out by hand, under a clock 27 years ahead in America/St_Johns", 1)


def test_the_clock_was_really_wrong(strange: Run) -> None:
    ((built_at,),) = strange.sql("select built_at from publication")
    assert built_at > dt.datetime.now() + dt.timedelta(days=9_000)


def test_no_model_and_no_law_looks_at_the_clock(strange: Run, tried: Tried) -> None:
    sql = compiled_sql(strange)
    assert len(sql) > 60
    assert [name for name, text in sql.items() if looks_at_the_clock(text)] == []
    tried(PROMISE, "a compiled model, law or test that never looks at the clock", len(sql))


@pytest.mark.parametrize(
    "planted",
    ["now()", "CURRENT_DATE", "current_timestamp", "today ()", "random()", "get_current_timestamp()"],
)
def test_a_look_at_the_clock_is_found(planted: str) -> None:
    assert looks_at_the_clock(f"select id\nfrom users where created_at < {planted}")
    assert not looks_at_the_clock("select known() as current_dated, todays from renow")


def looks_at_the_clock(sql: str) -> bool:
    """Whether SQL asks what time it is, or for anything else that no export says."""
    return re.search(CLOCKS, sql, re.IGNORECASE | re.VERBOSE) is not None


@pytest.mark.long
@pytest.mark.parametrize(
    ("last_night", "zone"),
    [
        (dt.date(2026, 3, 29), "Europe/Berlin"),  # 02:00 does not exist
        (dt.date(2026, 11, 1), "America/New_York"),  # 01:00 comes twice
        (dt.date(2028, 2, 29), "Pacific/Kiritimati"),  # already the first of March
        (dt.date(2026, 1, 1), "Pacific/Pago_Pago"),  # still the old year
    ],
)
def test_days_that_are_short_long_or_rare_give_the_same_in_every_zone(
    last_night: dt.date, zone: str, tmp_path: Path, tried: Tried
) -> None:
    """The laws hold, or the run would not publish."""
    write_sample(tmp_path / "exports", dataclasses.replace(SMALLEST, nights=2), last_night=last_night)
    found = []
    for name in ("UTC", zone):
        outcome = run(command(tmp_path / "exports", tmp_path / name), TZ=name, LC_ALL="tr_TR.UTF-8")
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr
        found.append(tables(tmp_path / name / "analytics.duckdb"))
    assert found[0] == found[1]
    assert found[0]["publication"][0][0] == last_night
    tried(PROMISE, f"nights up to {last_night} in UTC and in {zone}, a Turkish locale", 1)
