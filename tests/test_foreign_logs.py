"""A client that wrote to a database of ours and was killed leaves a log, which DuckDB would replay.

No run adds to such changes, publishes them or reads them as ours, wherever the log lies. The clients are real
processes.
"""

import datetime as dt
import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from conftest import Run, uid
from golden.world import CONFIRMED, EXPORTS, run_nightly
from typer.testing import CliRunner

from orchestration import places
from orchestration.assets.schedules import complete_night
from orchestration.build import archive, publication, working
from orchestration.build.manifest import manifest
from orchestration.build.publication import NotAsWrittenError, publish, published_tables
from orchestration.cli import app
from orchestration.cli.console import console
from orchestration.lock import WarehouseBusyError, let_go
from orchestration.places import LogBesideError, logs_beside, read
from orchestration.raw import erase_publications
from orchestration.settings import PROJECT_DIR, Settings, settings

PUBLISHED = list(published_tables(manifest()).values())
POINTS = "select count(*), sum(points)::bigint from activity_point"
ALL_POINTS = (33, 955)
LOSE_POINTS = ("delete from activity_point where points <> 10", "create table planted as select 1")

HIDE_MEMBERS = [
    f"delete from {table}"  # noqa: S608
    for table in PUBLISHED
    if table not in ("publication", "activity_explanation")
]

CLIENT = """
import os, signal, sys, duckdb
file, access, *statements = sys.argv[1:]
connection = duckdb.connect(file, read_only=access == "reads")
for statement in statements:
    connection.execute(statement)
print("ready", flush=True)
for statement in sys.stdin:
    connection.execute(statement)
    print("done", flush=True)
connection.close()
"""


@contextmanager
def client(file: Path, *statements: str, reads: bool = False) -> Iterator[subprocess.Popen[str]]:
    """Another program that has a database open; it is killed in the end, if it has not ended by then."""
    words = [sys.executable, "-c", CLIENT, str(file), "reads" if reads else "writes", *statements]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def killed(file: Path, *statements: str) -> Path:
    """What a client leaves that did this to a database and was killed with -9: its log."""
    with client(file, *statements) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    (log,) = logs_beside(file)
    return log


def closed(file: Path, *statements: str) -> None:
    """A client does this to a database and ends well, so that it is in the file."""
    with client(file, *statements) as process:
        process.communicate()
    assert logs_beside(file) == []


def found(file: Path, query: str = POINTS) -> tuple[Any, ...]:
    """What any reader finds, with whatever lies beside the file."""
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.sql(query).fetchone()


@pytest.fixture
def config(copied: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A copy of their warehouse, whose files anybody may write, as root may."""
    for file in copied.rglob("*.duckdb"):
        file.chmod(0o600)
    monkeypatch.setenv("EXPORTS_DIR", str(EXPORTS))
    monkeypatch.setattr(places, "PATIENCE", 0)
    yield settings()
    let_go(settings())


@dataclass
class Answer:
    """What a command said and how it ended."""

    exit_code: int
    stdout: str
    stderr: str


def asked(*arguments: str | Path) -> Answer:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(console, "file", StringIO())
        outcome = CliRunner().invoke(app, list(map(str, arguments)))
        let_go(settings())
        assert isinstance(outcome.exception, SystemExit | None), outcome.exception
        return Answer(outcome.exit_code, console.file.getvalue(), outcome.stderr)


def test_a_log_changes_what_a_reader_finds_until_it_is_gone(config: Settings) -> None:
    """So the tests below would notice a log."""
    assert found(config.published_file) == ALL_POINTS
    log = killed(config.published_file, *LOSE_POINTS)
    assert found(config.published_file) != ALL_POINTS
    log.unlink()
    assert found(config.published_file) == ALL_POINTS


def test_after_killed_clients_the_next_run_publishes_what_is_right(golden: Run, config: Settings) -> None:
    killed(config.warehouse_file, *LOSE_POINTS, "delete from activity_decision")
    killed(config.published_file, *LOSE_POINTS)
    (archived,) = config.publications_dir.iterdir()
    killed(archived, *LOSE_POINTS)
    again = run_nightly(EXPORTS, config.warehouse_dir, **CONFIRMED)
    assert again.success, again.message
    assert [path for path in config.warehouse_dir.rglob("*.wal*") if "dagster" not in path.parts] == []
    assert found(config.published_file) == found(config.warehouse_file) == ALL_POINTS
    for table in sorted(set(PUBLISHED) - {"publication"}):
        assert again.table(table) == golden.table(table), table
    assert again.sql("select table_name from duckdb_tables() where table_name = 'planted'") == []


def built_upon(config: Settings) -> bool:
    working.start_from(config)
    assert not config.warehouse_file.exists()
    assert logs_beside(config.warehouse_file) == []
    left = [path.name for path in config.building_dir.iterdir()]
    assert left in ([], [config.warehouse_file.name])
    return bool(left)


def test_an_untouched_build_is_built_upon(config: Settings) -> None:
    with client(config.warehouse_file) as process:
        process.communicate()  # it had the file open for writing, and wrote nothing
    assert working.is_built(config)
    assert built_upon(config)


def test_a_build_with_a_log_is_not_built_upon(config: Settings) -> None:
    killed(config.warehouse_file, "delete from claim")
    assert not working.is_built(config)
    assert not built_upon(config)


@pytest.mark.parametrize("end", [closed, killed])
def test_a_build_that_a_client_wrote_to_is_not_built_upon(config: Settings, end: Any) -> None:
    end(config.warehouse_file, "delete from claim", "checkpoint", *["create table planted as select 1"])
    for log in logs_beside(config.warehouse_file):
        log.unlink()  # what was checkpointed is in the file
    assert found(config.warehouse_file, "select count(*) from claim") == (0,)
    assert not working.is_built(config)
    assert not built_upon(config)


def test_a_log_without_its_database_is_not_left_for_the_next(config: Settings) -> None:
    log = killed(config.warehouse_file, "delete from claim")
    config.warehouse_file.unlink()
    assert not built_upon(config)
    assert not log.exists()


def test_a_published_file_that_a_client_wrote_to_is_published_anew(config: Settings) -> None:
    assert working.is_published(config)
    closed(config.published_file, "delete from activity_point")
    assert not working.is_published(config)


def test_a_publication_takes_its_place_beside_no_log(config: Settings) -> None:
    killed(config.published_file, *LOSE_POINTS)
    draft = config.publications_dir / ".draft.duckdb"
    shutil.copy(config.published_file, draft)
    killed(draft, "create table planted as select 1")
    archived = publish(config, PUBLISHED)
    assert found(config.published_file) == found(archived) == ALL_POINTS
    assert logs_beside(config.published_file) == places.logs_in(config.publications_dir) == []
    assert not list(config.publications_dir.glob(".*"))


def test_broken_off_before_the_new_file_is_in_place_a_reader_finds_the_old_one_as_it_was(
    config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(config.published_file, *LOSE_POINTS)

    def broken_off(_draft: Path, target: Path) -> None:
        raise KeyboardInterrupt(target)

    monkeypatch.setattr(places, "move", broken_off)
    with pytest.raises(KeyboardInterrupt):
        places.take_place(config.warehouse_file, config.published_file)
    assert found(config.published_file) == ALL_POINTS


def test_a_database_is_removed_before_its_log(config: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its log the database would look unchanged, although a client may have written to it."""
    killed(config.warehouse_file, "delete from claim")
    monkeypatch.setattr(places, "remove_logs", lambda logs: (_ for _ in ()).throw(KeyboardInterrupt(logs)))
    with pytest.raises(KeyboardInterrupt):
        places.remove(config.warehouse_file)
    assert not config.warehouse_file.exists()


def test_a_client_that_still_writes_is_named_and_nothing_is_put_in_its_place(config: Settings) -> None:
    """The client could write a log beside the new file, because it opened a file of that name before."""
    before = config.published_file.read_bytes()
    with client(config.published_file) as writer:
        with pytest.raises(WarehouseBusyError) as busy:
            publish(config, PUBLISHED)
        assert re.fullmatch(
            rf"\S+python\S* \(PID {writer.pid}\) has {re.escape(str(config.published_file))} open; "
            "run again when it has closed it",
            str(busy.value),
        )
        assert config.published_file.read_bytes() == before
        outcome = asked("rollback", next(config.publications_dir.glob("*.duckdb")).name)
        assert (outcome.exit_code, f"(PID {writer.pid})" in outcome.stderr) == (3, True)
    publish(config, PUBLISHED)
    assert found(config.published_file) == ALL_POINTS


def test_readers_of_the_published_file_keep_nobody_waiting(config: Settings) -> None:
    with client(config.published_file, reads=True):
        publish(config, PUBLISHED)


@pytest.mark.parametrize("reads", [True, False])
def test_a_client_that_has_the_warehouse_open_is_named(config: Settings, reads: bool) -> None:
    with client(config.warehouse_file, reads=reads) as holder:
        with pytest.raises(WarehouseBusyError, match=rf"\(PID {holder.pid}\) has .*/warehouse\.duckdb open"):
            working.start_from(config)
        assert config.warehouse_file.exists()
    assert built_upon(config)


def test_a_client_is_given_time_to_end(config: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "PATIENCE", 60)
    with client(config.warehouse_file, reads=True) as holder:
        monkeypatch.setattr(places.time, "sleep", lambda _: holder.communicate())
        assert built_upon(config)


def test_what_is_in_place_is_looked_at_as_a_reader_finds_it(
    config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_place, meddle = places.take_place, closed

    def and_then_somebody_writes(draft: Path, target: Path) -> None:
        take_place(draft, target)
        if target == config.published_file:
            target.chmod(0o600)
            meddle(target, *LOSE_POINTS)

    monkeypatch.setattr(publication, "take_place", and_then_somebody_writes)
    with pytest.raises(NotAsWrittenError, match="whoever reads activity_point, planted there"):
        publish(config, PUBLISHED)
    meddle = killed
    with pytest.raises(LogBesideError, match=r"analytics\.duckdb\.wal holds changes that somebody made"):
        publish(config, PUBLISHED)


@pytest.mark.parametrize(
    "command",
    [
        ("query", "select 1"),
        ("explain", "user", uid(1, 1)),
        ("verify",),
        ("prune", "--keep-days", "1"),
    ],
)
def test_a_command_that_reads_says_what_lies_beside_the_file(config: Settings, command: tuple[str]) -> None:
    log = killed(config.published_file, *LOSE_POINTS)
    outcome = asked(*command)
    assert outcome.exit_code == 1
    assert outcome.stderr == (
        f"it could not be done: {log} holds changes that somebody made to analytics.duckdb after it was "
        "finished, and every reader would see them; delete it when no program has the database open\n"
    )
    assert log.exists()
    log.unlink()
    assert asked(*command).exit_code == 0


def test_verify_notices_a_log_beside_any_file_also_behind_a_link(config: Settings, tmp_path: Path) -> None:
    (archived,) = config.publications_dir.iterdir()
    log = killed(archived, "create table planted as select 1")
    (tmp_path / "elsewhere").symlink_to(archived)
    for file in (archived, tmp_path / "elsewhere"):
        outcome = asked("verify", file)
        assert outcome.exit_code == 1
        assert f"{log} holds changes that somebody made" in outcome.stderr


def test_what_if_replays_nothing_that_somebody_else_wrote(config: Settings) -> None:
    log = killed(config.warehouse_file, "delete from act")
    outcome = asked("what-if", PROJECT_DIR / "seeds")
    assert outcome.exit_code == 1
    assert f"{log} holds changes that somebody made to warehouse.duckdb" in outcome.stderr


def test_status_names_every_log(config: Settings) -> None:
    (archived,) = config.publications_dir.iterdir()
    files = (config.warehouse_file, config.published_file, archived)
    assert json.loads(asked("status", "--json").stdout)["logs beside databases"] == []
    logs = [str(killed(file, "create table planted as select 1")) for file in files]
    found_in_json = json.loads(asked("status", "--json").stdout)
    assert found_in_json["logs beside databases"] == logs
    assert found_in_json["published"] is None
    said = asked("status").stdout
    assert all(f"Left by a client that wrote here, and seen by readers: {log}\n" in said for log in logs)
    assert "What is published cannot be said while a log lies beside it." in said


def test_rollback_goes_back_to_what_was_published_and_nothing_else(config: Settings) -> None:
    (archived,) = config.publications_dir.iterdir()
    content = archived.read_bytes()
    killed(archived, *LOSE_POINTS, "update publication set built_at = built_at + interval 1 year")
    killed(config.published_file, *LOSE_POINTS)
    outcome = asked("rollback", archived.name)
    assert outcome.exit_code == 0, outcome.stderr
    assert config.published_file.read_bytes() == archived.read_bytes() == content
    assert logs_beside(config.published_file) == places.logs_in(config.publications_dir) == []
    assert working.is_published(config)


def test_a_publication_that_a_client_wrote_to_is_not_gone_back_to(config: Settings) -> None:
    """The log went into the file when the next client opened it, so no log shows the change any more."""
    (archived,) = config.publications_dir.iterdir()
    killed(archived, *LOSE_POINTS)
    duckdb.connect(str(archived)).close()
    before = config.published_file.read_bytes()
    outcome = asked("rollback", archived.name)
    assert outcome.exit_code == 1
    assert f"somebody wrote to {archived} after it was published" in outcome.stderr
    assert config.published_file.read_bytes() == before


def test_who_asks_for_a_publication_that_is_not_there_changes_nothing(config: Settings) -> None:
    log = killed(config.published_file, *LOSE_POINTS)
    assert asked("rollback", "nope").exit_code == 2
    assert log.exists()


def test_a_published_file_that_a_client_wrote_to_is_told_of(config: Settings) -> None:
    assert asked("verify").exit_code == 0
    closed(config.published_file, "create table planted as select 1")
    outcome = asked("verify")
    assert outcome.exit_code == 1
    assert f"somebody wrote to {config.published_file} after it was published" in outcome.stderr
    assert json.loads(asked("status", "--json").stdout)["published"]["was written to"]
    assert "Somebody wrote to the published file after it was published" in asked("status").stdout


def test_an_archived_publication_with_a_log_is_told_of(
    config: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    (standing,) = config.publications_dir.iterdir()
    log = killed(standing, *LOSE_POINTS)
    assert archive.archived(config) == []
    assert f"passed over {standing}: {log} holds changes" in caplog.text


def test_a_publication_that_names_an_erased_member_goes_though_a_log_hides_it(config: Settings) -> None:
    (archived,) = config.publications_dir.iterdir()
    named = found(archived, "select min(user_id) from activity_point")[0]
    log = killed(archived, *HIDE_MEMBERS)
    with duckdb.connect() as connection:
        connection.execute(
            "create table substitution as select ?::uuid as old_id, uuid() as new_id", [str(named)]
        )
        connection.execute("create table wanted as select new_id as pseudonym from substitution")
        connection.execute("create table erased (pseudonym uuid)")
        erase_publications.delete_publications(connection, config)
    assert not archived.exists()
    assert not log.exists()


def test_a_prepared_night_is_read_again_only_when_nobody_has_the_warehouse_open(config: Settings) -> None:
    with client(config.warehouse_file) as holder:
        again = run_nightly(EXPORTS, config.warehouse_dir, nights=["2026-01-01"])
    assert not again.success
    assert f"(PID {holder.pid}) has {config.warehouse_file} open" in again.message
    assert config.warehouse_file.exists()


def test_the_sensor_asks_for_a_run_that_puts_a_clean_file_in_place(config: Settings) -> None:
    def asks() -> bool:
        with dg.DagsterInstance.ephemeral() as instance, dg.build_sensor_context(instance) as context:
            return isinstance(complete_night(context), dg.RunRequest)

    assert not asks()
    killed(config.published_file, *LOSE_POINTS)
    assert asks()


def test_reading_leaves_a_published_file_the_time_of_its_build(config: Settings) -> None:
    (built_at,) = found(config.published_file, "select built_at from publication")
    with read(config.published_file) as connection:
        assert connection.sql("select 1").fetchone() == (1,)
    assert places.is_sealed(config.published_file, built_at)
    assert not places.is_sealed(config.published_file, built_at + dt.timedelta(seconds=2))
