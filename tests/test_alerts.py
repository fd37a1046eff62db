"""An alert reaches a command and a webhook, says what failed, tells nothing personal, and breaks no run."""

import datetime as dt
import json
import logging
import os
import sqlite3
import sys
import threading
from collections.abc import Iterator
from dataclasses import fields, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import duckdb
import pytest
from conftest import publish_until
from golden.world import run_nightly
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from orchestration.assets import alerts, schedules
from orchestration.assets.models import failure_message
from orchestration.assets.records import FRESHNESS
from orchestration.cli import app
from orchestration.definitions import all_definitions
from orchestration.settings import SECRETS, HinderedError, UsageError, settings

SECRET = "not-for-the-log"  # noqa: S105  (a word to look for)


class Listener(HTTPServer):
    """A webhook on this machine that remembers what it was sent."""

    def __init__(self) -> None:
        """Listen on a free port."""
        self.answer = 200
        self.received: list[dict[str, str]] = []
        super().__init__(("127.0.0.1", 0), Receiver)

    @property
    def address(self) -> str:
        """Where to post to."""
        return f"http://127.0.0.1:{self.server_port}/{SECRET}"


class Receiver(BaseHTTPRequestHandler):
    """Hands over what is posted."""

    server: Listener

    def do_POST(self) -> None:
        """Remember the message and answer as told."""
        assert self.headers["Content-Type"] == "application/json"
        self.server.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.answer)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Listener() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listener: Listener) -> Path:
    """Both ways switched on; the command writes what it is told to this file."""
    file = tmp_path / "a note"
    script = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.stdin.read())"
    monkeypatch.setenv("ALERT_COMMAND", f"'{sys.executable}' -c '{script}' '{file}'")
    monkeypatch.setenv("ALERT_WEBHOOK", listener.address)
    return file


def test_a_failed_night_tells_the_command_and_the_webhook(
    tmp_path: Path, note: Path, listener: Listener
) -> None:
    (tmp_path / "exports").mkdir()
    run = run_nightly(tmp_path / "exports", tmp_path / "warehouse")
    assert not run.success
    (message,) = listener.received
    assert message["event"] == "failed"
    assert message["run_id"] == run.result.run_id
    assert message["step"] == "ingest"
    assert message["reason"].startswith(f"no complete night in {tmp_path / 'exports'}: nothing arrived")
    assert note.read_text() == message["text"] + "\n"
    assert message["text"] == f"Warehouse run {run.result.run_id}: ingest failed: {message['reason']}"


def test_a_publication_without_a_refused_delivery_says_which(
    tmp_path: Path, note: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dg.asset(key=["published", "analytics"])
    def published() -> None:
        pass

    @dg.asset
    def other() -> None:
        pass

    nightly = all_definitions().resolve_job_def("nightly")
    assert alerts.tell_of_refusals in nightly.hook_defs
    job = dg.define_asset_job("light", hooks={alerts.tell_of_refusals}, executor_def=dg.in_process_executor)
    light = dg.Definitions(assets=[published, other], jobs=[job]).resolve_job_def("light")
    assert "published__analytics" in {node.name for node in nightly.nodes}
    monkeypatch.setenv("WAREHOUSE_DIR", str(tmp_path))
    with duckdb.connect(str(tmp_path / "analytics.duckdb")) as connection:
        connection.execute(
            """
            create table row_account as
            from (values
                ('follows', date '2026-01-01', 'refused'), ('follows', date '2026-01-01', 'refused'),
                ('events', date '2026-01-02', 'refused'), ('users', date '2026-01-02', 'accepted')
            ) as rows (table_name, night, status)
            """
        )
    run = light.execute_in_process()
    (message,) = listener.received
    assert message["event"] == "published without refused deliveries"
    assert message["run_id"] == run.run_id
    assert message["reason"] == "events 2026-01-02, follows 2026-01-01"
    assert message["reason"] in note.read_text()
    with duckdb.connect(str(tmp_path / "analytics.duckdb")) as connection:
        connection.execute("update row_account set status = 'accepted'")
    assert light.execute_in_process().success
    assert len(listener.received) == 1


@pytest.mark.parametrize("command", [["run"], ["forget", "00000001-0000-4000-8000-000000000001"]])
def test_a_run_that_the_machine_kept_from_its_end_is_told_of(
    tmp_path: Path, note: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    (tmp_path / "warehouse" / "publications").mkdir(parents=True)
    (tmp_path / "warehouse" / "dagster").touch()  # where a directory must be
    monkeypatch.setenv("EXPORTS_DIR", str(tmp_path))
    monkeypatch.setenv("WAREHOUSE_DIR", str(tmp_path / "warehouse"))
    monkeypatch.setenv("DAGSTER_HOME", "")
    outcome = CliRunner().invoke(app, command)
    reason = f"[Errno 17] File exists: '{tmp_path / 'warehouse' / 'dagster'}'"
    assert outcome.exit_code == 1
    assert outcome.stderr == f"the run broke off, and what was published stays: {reason}\n"
    (message,) = listener.received
    assert (message["event"], message["step"], message["reason"]) == ("broke off", "nightly", reason)
    assert note.read_text() == f"Warehouse run: nightly broke off: {reason}\n"


def test_what_a_person_alone_asked_for_is_told_to_nobody_else(
    tmp_path: Path, listener: Listener, note: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_DIR", str(tmp_path))
    (tmp_path / "analytics.duckdb").write_text("no database")
    assert CliRunner().invoke(app, ["query", "select 1"]).exit_code == 1
    assert CliRunner().invoke(app, ["run", "--exports-dir", str(tmp_path / "nowhere")]).exit_code == 2
    assert listener.received == []
    assert not note.exists()


def test_a_killed_run_is_told_of_when_it_is_written_off(
    tmp_path: Path, note: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_DIR", str(tmp_path))
    monkeypatch.setattr(schedules, "STARTS_WITHIN", dt.timedelta(0))
    with dg.DagsterInstance.ephemeral() as instance:
        killed = instance.create_run_for_job(
            all_definitions().resolve_job_def("nightly"), status=dg.DagsterRunStatus.STARTED
        )
        for _ in range(2):
            schedules.close_broken_off_runs(instance, settings())
    (message,) = listener.received
    assert (message["event"], message["run_id"]) == ("broke off", killed.run_id)
    assert message["reason"] == "the process of this run ended without a word"
    assert message["text"] in note.read_text()


def test_a_dbt_that_was_killed_is_the_reason_told(tmp_path: Path) -> None:
    killed = SimpleNamespace(target_path=tmp_path, process=SimpleNamespace(returncode=-9))
    reason = alerts.in_short(dg.Failure(failure_message(settings(), killed)))
    assert reason.startswith(
        "dbt ended before it was done, with exit code -9 (-9: killed, mostly for want of"
    )


def test_late_data_is_told_of_in_the_morning(
    tmp_path: Path, note: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_DIR", str(tmp_path))
    morning = all_definitions().resolve_job_def(FRESHNESS)
    assert morning.execute_in_process().success
    publish_until(tmp_path / "analytics.duckdb", "2026-01-02")
    assert morning.execute_in_process().success
    publish_until(tmp_path / "analytics.duckdb", dt.datetime.now(dt.UTC).date().isoformat())
    assert morning.execute_in_process().success
    reasons = [(message["event"], message["reason"]) for message in listener.received]
    assert reasons == [
        ("found late data", "nothing is published"),
        ("found late data", "the last day is 2026-01-02"),
    ]
    assert "the last day is 2026-01-02" in note.read_text()


@pytest.mark.parametrize(
    "broken",
    [
        {"alert_command": "/no/such/program"},
        {"alert_command": "'unbalanced"},
        {"alert_command": f"'{sys.executable}' -c 'raise SystemExit(1)'"},
        {"alert_command": f"'{sys.executable}' -c 'import time; time.sleep(60)'"},
        {"alert_webhook": f"http://127.0.0.1:9/{SECRET}"},
        {"alert_webhook": f"file:///{SECRET}"},
        {"alert_webhook": SECRET},
    ],
)
def test_a_broken_alert_is_logged_and_breaks_nothing(
    broken: dict[str, str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "TIMEOUT_SECONDS", 1)
    monkeypatch.setattr(logging.getLogger("warehouse"), "propagate", True)
    alerts.send(replace(settings(), **broken), "failed", "run-1", "ingest", "no reason")
    assert "an alert could not be sent" in caplog.text
    assert SECRET not in caplog.text


def test_a_refused_webhook_does_not_keep_the_command_from_being_told(
    listener: Listener, note: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("warehouse"), "propagate", True)
    listener.answer = 500
    alerts.send(settings(), "failed", "run-1", "ingest", "no reason")
    assert note.read_text() == "Warehouse run run-1: ingest failed: no reason\n"
    assert "an alert could not be sent (post): HTTPError" in caplog.text


def test_the_command_is_told_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        "import json, os, pathlib, sys; pathlib.Path(sys.argv[1]).write_text(json.dumps(dict(os.environ)))"
    )
    monkeypatch.setenv("ALERT_COMMAND", f"'{sys.executable}' -c '{script}' '{tmp_path / 'environment'}'")
    monkeypatch.setenv("ALERT_WEBHOOK", f"http://127.0.0.1:9/{SECRET}")
    monkeypatch.setenv("MAILER", "what the command itself needs")
    alerts.send(settings(), "failed", "run-1", "ingest", "no reason")
    given = json.loads((tmp_path / "environment").read_text())
    assert given["MAILER"] == "what the command itself needs"
    assert {SECRET, os.environ["ERASURE_KEY"]} & {
        part for v in given.values() for part in v.split("/")
    } == set()
    hidden = {field.name.upper() for field in fields(settings()) if not field.repr}
    assert hidden == set(SECRETS), "what the settings do not show is what no other program may know"
    assert not hidden & given.keys()


def test_nothing_is_sent_where_nothing_is_set(listener: Listener) -> None:
    assert not {"ALERT_COMMAND", "ALERT_WEBHOOK"} & os.environ.keys()
    alerts.send(settings(), "failed", "run-1", "ingest", "no reason")
    assert listener.received == []


def test_the_webhook_is_not_shown_with_the_settings(note: Path) -> None:
    assert not note.exists()
    assert SECRET in settings().alert_webhook
    assert SECRET not in repr(settings())


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            dg.Failure(
                "Not published; yesterday's file keeps serving.\n"
                "law every_total failed on 2 rows, the first of them:\n ann@example.invalid 7\n"
                "act could not be built: Conversion Error: 'ann@example.invalid' is no date\n"
                "test unique_act failed on 1 rows, the first of them:\n ann@example.invalid"
            ),
            "law every_total failed on 2 rows; act could not be built; test unique_act failed on 1 rows",
        ),
        (dg.Failure("The wall does not hold: this reads that"), "The wall does not hold: this reads that"),
        (UsageError("2026-01-30 is not complete"), "2026-01-30 is not complete"),
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
        (HinderedError("the key is gone"), "the key is gone"),
        (
            OperationalError("insert", {}, sqlite3.OperationalError("database or disk is full")),
            "database or disk is full in Dagster's records",
        ),
        (
            duckdb.ConversionException("Could not convert string 'ann@example.invalid' to INT32"),
            "unexpected ConversionException; the run's log says more",
        ),
    ],
)
def test_the_reason_holds_no_row_and_no_value(error: Exception, reason: str) -> None:
    assert alerts.in_short(error) == reason
