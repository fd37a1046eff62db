"""The sentences of a run at its end, so that a person need not read a table."""

import datetime as dt
import io
from pathlib import Path

import pytest
from conftest import publish_until
from rich.console import Console
from typer.testing import CliRunner

from orchestration.ask.status import status
from orchestration.ask.summary import nights_missing, span
from orchestration.assets.freshness import how_fresh
from orchestration.cli import app
from orchestration.raw.discover import nights_behind
from orchestration.sample import LAST_NIGHT, SMALLEST, write_sample
from orchestration.settings import settings


def test_missing_nights_are_told_by_table_in_a_few_words() -> None:
    said = "events 2026-01-03, users 2026-01-10, events 2026-01-01, events 2026-01-02"
    missing = nights_missing(said)
    assert {table: span(nights) for table, nights in missing.items()} == {
        "events": "3 nights from 2026-01-01 to 2026-01-03",
        "users": "2026-01-10",
    }


@pytest.mark.parametrize("nothing", [None, ""])
def test_where_no_night_is_missing_nothing_is_said(nothing: str | None) -> None:
    assert nights_missing(nothing) == {}


@pytest.mark.parametrize(
    ("says", "as_of_date", "behind"),
    [
        (None, "2026-01-03", 2),  # on the 6th, the 4th and the 5th
        ("2026-01-03", "2026-01-03", 0),
        ("2026-01-03\n", "2026-01-02", 1),  # the 3rd
        ("2026-01-03", "2026-01-04", 1),  # they went on; then the 5th
        ("2026-12-31", "2026-01-03", 2),
        ("soon", "2026-01-03", 2),
        (b"\xff", "2026-01-03", 2),
    ],
)
def test_no_night_is_late_that_exports_say_will_never_come(
    tmp_path: Path, says: str | bytes | None, as_of_date: str, behind: int
) -> None:
    if says is not None:
        (tmp_path / "_last_night").write_bytes(says if isinstance(says, bytes) else says.encode())
    now = dt.datetime(2026, 1, 6, 6, 15, tzinfo=dt.UTC)
    assert nights_behind(dt.date.fromisoformat(as_of_date), tmp_path, now) == behind


def test_a_first_run_on_the_sample_finds_nothing_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The summary, status and the check of the UI agree, although the sample ends long ago."""
    warehouse_dir = tmp_path / "warehouse"
    monkeypatch.setenv("EXPORTS_DIR", str(tmp_path / "exports"))
    monkeypatch.setenv("WAREHOUSE_DIR", str(warehouse_dir))
    write_sample(tmp_path / "exports", SMALLEST)
    (warehouse_dir / "publications").mkdir(parents=True)
    publish_until(warehouse_dir / "analytics.duckdb", str(LAST_NIGHT))
    found = status(settings(), dt.datetime.now(dt.UTC))["published"]
    assert (found["nights behind"], found["exports end"]) == (0, str(LAST_NIGHT))
    assert how_fresh(settings())["passed"]
    shown = io.StringIO()
    monkeypatch.setattr("orchestration.cli.status.console", Console(file=shown))
    assert CliRunner().invoke(app, ["status"]).exit_code == 0
    assert f"The exports end with {LAST_NIGHT}, as a sample does" in shown.getvalue()
    (tmp_path / "exports" / "_last_night").unlink()
    found = status(settings(), dt.datetime.now(dt.UTC))["published"]
    assert found["nights behind"] > 100
    assert found["exports end"] is None
    assert not how_fresh(settings())["passed"]
