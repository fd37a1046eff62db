"""A run with nothing new is told from what the file system says; whatever may have changed is looked at."""

import datetime as dt
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from golden.world import EXPORTS

from orchestration.assets.raw_tables import _holds_for_the_next
from orchestration.build import as_published
from orchestration.build.as_published import (
    remember_delivered,
    remember_published,
    still_stands,
    what_is_delivered,
)
from orchestration.raw import fingerprints
from orchestration.raw.account import Outcome, Part
from orchestration.raw.discover import Night
from orchestration.raw.intake import Intake, Wish
from orchestration.settings import Settings, settings

STAYS = ["what a run said of nights that no run can read again"]


@pytest.fixture
def config(copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A warehouse of which all is published that was delivered, as if that had been long ago."""
    monkeypatch.setenv("EXPORTS_DIR", str(shutil.copytree(EXPORTS, tmp_path / "exports")))
    monkeypatch.setattr(fingerprints, "STEP", -(10**18))
    (copied / "incoming").mkdir(exist_ok=True)
    found = settings()
    fingerprints.keep(found, fingerprints.load(found))
    remember_delivered(found, what_is_delivered(found), STAYS)
    remember_published(found)
    return found


def test_while_nothing_has_changed_all_stands(config: Settings) -> None:
    assert still_stands(config) == STAYS
    assert still_stands(config) == STAYS


def test_what_no_run_looks_at_changes_nothing(config: Settings) -> None:
    for name in ("last_run.json", "lock", "dbt.log", ".analytics.duckdb.new", "what_if/page.html"):
        (config.warehouse_dir / name).parent.mkdir(exist_ok=True)
        (config.warehouse_dir / name).write_text("something else")
    (config.warehouse_dir / "dagster").mkdir(exist_ok=True)
    (config.warehouse_dir / "dagster" / "of a run.db").touch()
    shutil.rmtree(config.site_dir)  # a copy followed the link
    shutil.rmtree(config.warehouse_dir / ".site")
    assert still_stands(config) == STAYS


def _change_unseen(part: Path) -> None:
    """Another content of the same size, in the same file, which gets its old time back."""
    before = part.stat()
    time.sleep(0.02)
    with part.open("r+b") as file:
        file.write(file.read(1).swapcase())
    os.utime(part, ns=(before.st_atime_ns, before.st_mtime_ns))


def _write_to(database: Path) -> None:
    database.chmod(0o600)
    with duckdb.connect(str(database)) as connection:
        connection.execute("create table by_somebody_else as select 1 as one")


def _reread(config: Settings) -> None:
    """As the UI has a night read again."""
    folder = config.raw_dir / "tracks" / "2026-01-01"
    shutil.copytree(folder, folder.with_name("again"))
    shutil.rmtree(folder)
    folder.with_name("again").rename(folder)


CHANGES: dict[str, Callable[[Settings], object]] = {
    "a part more": lambda c: (c.exports_dir / "tracks" / "2026-01-01" / "part-0001.csv").write_text("id\n"),
    "a part less": lambda c: next(c.exports_dir.glob("tracks/2026-01-01/part-*")).unlink(),
    "a part changed in place": lambda c: _change_unseen(next(c.exports_dir.glob("tracks/2026-01-01/part-*"))),
    "a part closed": lambda c: next(c.exports_dir.glob("tracks/2026-01-01/part-*")).chmod(0),
    "a manifest": lambda c: (c.exports_dir / "tracks" / "2026-01-01" / "_manifest.json").write_text("{}"),
    "a night": lambda c: (c.exports_dir / "tracks" / "2026-01-09").mkdir(),
    "a night gone": lambda c: shutil.rmtree(c.exports_dir / "tracks" / "2026-01-01"),
    "the exports gone": lambda c: shutil.rmtree(c.exports_dir),
    "a link that leads away": lambda c: (c.exports_dir / "away").symlink_to(c.exports_dir.parent),
    "a night read again": _reread,
    "rows pruned": lambda c: next(c.raw_dir.glob("tracks/2026-01-01/rows.parquet")).unlink(),
    "an erasure": lambda c: c.erased_file.write_bytes(c.erased_file.read_bytes()),
    "an erasure that broke off": lambda c: (c.incoming_dir / "erasure").mkdir(),
    "a build that broke off": lambda c: c.building_dir.mkdir(),
    "no build": lambda c: c.warehouse_file.unlink(),
    "no results of its tests": lambda c: c.run_results.unlink(),
    "somebody wrote to the build": lambda c: _write_to(c.warehouse_file),
    "somebody wrote to what is published": lambda c: _write_to(c.published_file),
    "a log beside what is published": lambda c: c.published_file.with_name("analytics.duckdb.wal").touch(),
    "nothing is published": lambda c: c.published_file.unlink(),
    "a table of the product is gone": lambda c: next(c.product_dir.glob("*/scope.parquet")).unlink(),
    "a stray folder": lambda c: (c.product_dir / "2025-12-31-before").mkdir(),
    "another key": lambda c: (c.warehouse_dir / "key").write_text("5e" * 32),
    "every file to be read": fingerprints.forget,
    "a damaged record": lambda c: c.as_published_file.write_bytes(c.as_published_file.read_bytes()[:-3]),
    "a record of something else": lambda c: c.as_published_file.write_text("[]"),
    "no record": lambda c: c.as_published_file.unlink(),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_may_have_changed_is_looked_at(config: Settings, change: str) -> None:
    CHANGES[change](config)
    assert still_stands(config) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("MAX_REJECTED_ROWS", "9"), ("MAX_DEPARTED_SHARE", "1"), ("ERASURE_KEY", "6f" * 32)],
)
def test_another_setting_or_another_key_is_looked_at(
    config: Settings, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert settings() != config
    assert still_stands(settings()) is None


def test_another_code_is_looked_at(config: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(as_published, "code_version", lambda: "another")
    assert still_stands(config) is None


def test_a_table_that_the_disk_damaged_is_looked_at(config: Settings) -> None:
    """The file system says nothing of it; its checksum does."""
    table = next(config.product_dir.glob("*/scope.parquet"))
    table.chmod(0o600)
    _change_unseen(table)
    remember_published(config)
    assert still_stands(config) is None


def test_once_a_week_everything_is_looked_at(config: Settings) -> None:
    kept = fingerprints.load(config)
    a_week_ago = (dt.datetime.now(dt.UTC) - dt.timedelta(days=7)).isoformat()
    fingerprints.keep(config, fingerprints.Fingerprints(a_week_ago, kept.parts, has_changed=True))
    config.as_published_file.write_text(
        json.dumps(json.loads(config.as_published_file.read_text()) | {"since": a_week_ago})
    )
    assert still_stands(config) is None


def test_what_was_delivered_just_now_is_looked_at_again(
    config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may change once more at an instant that the file system cannot tell from the first."""
    monkeypatch.setattr(fingerprints, "STEP", 60 * 10**9)
    assert what_is_delivered(config) == ""


def test_what_changes_while_a_run_goes_on_is_looked_at_by_the_next(config: Settings) -> None:
    before = what_is_delivered(config)
    _change_unseen(next(config.exports_dir.glob("tracks/2026-01-01/part-*")))
    remember_delivered(config, before, STAYS)
    remember_published(config)
    assert still_stands(config) is None


def test_until_it_is_published_nothing_stands(config: Settings) -> None:
    remember_delivered(config, what_is_delivered(config), STAYS)
    assert still_stands(config) is None


@pytest.mark.parametrize(
    ("sha256", "as_of", "holds"),
    [("5e" * 32, None, True), ("", None, False), ("5e" * 32, dt.date(2026, 1, 1), False)],
    ids=["all read", "one part could not be", "an earlier night"],
)
def test_what_could_not_be_read_is_tried_again_and_an_earlier_night_is_no_standard(
    tmp_path: Path, sha256: str, as_of: dt.date | None, holds: bool
) -> None:
    night = Night("tracks", dt.date(2026, 1, 1), tmp_path, (), None, None)
    part = Part("tracks", night.date, "part-0000.csv", sha256, "a contract", "a reader", status="refused")
    intake = Intake(night.date, {"tracks": [Outcome(night, "refused", (part,))]}, [], 0)
    assert _holds_for_the_next(intake, Wish(as_of=as_of)) is holds
