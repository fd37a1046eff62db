"""Whatever a person does, the command answers in words and with an exit code; a traceback is a defect."""

import os
import resource
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from checkout import copied_project
from click.testing import Result
from conftest import Run, publish_until, uid
from golden.world import WAREHOUSE
from typer.testing import CliRunner

from orchestration.cli import app, query
from orchestration.lock import let_go
from orchestration.settings import UsageError, settings

# Root may do anything; so that a closed directory is closed to it too, it gives that power up.
AS_ANYBODY = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
SOMEBODY = str(uuid.UUID(uid(1, 1)))


def asked(*arguments: str | Path) -> Result:
    """What the command answers in this process; anything but an exit code is a traceback."""
    outcome = CliRunner().invoke(app, list(map(str, arguments)))
    let_go(settings())
    assert isinstance(outcome.exception, SystemExit), outcome.exception
    return outcome


def asked_by_anybody(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """What the command answers somebody whom file permissions bind."""
    return subprocess.run(  # noqa: S603
        [*AS_ANYBODY, WAREHOUSE, *map(str, arguments)],
        capture_output=True, text=True, check=False, env=os.environ | {"DAGSTER_HOME": ""} | environment,
    )  # fmt: skip


@contextmanager
def closed(*paths: Path, mode: int = 0) -> Iterator[None]:
    """Nobody may use these."""
    usual = {path: path.stat().st_mode for path in paths}
    for path in paths:
        path.chmod(mode)
    try:
        yield
    finally:
        for path in reversed(paths):
            path.chmod(usual[path])


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("MAX_REJECTED_ROWS", "abc", "MAX_REJECTED_ROWS is 'abc'; write a whole number of at least 0"),
        ("MAX_REJECTED_ROWS", "-1", "MAX_REJECTED_ROWS is '-1'; write a whole number of at least 0"),
        ("MAX_REJECTED_ROWS", "1.5", "MAX_REJECTED_ROWS is '1.5'; write a whole number of at least 0"),
        ("MAX_REJECTED_SHARE", "nan", "MAX_REJECTED_SHARE is 'nan'; write a number from 0 to 1"),
        ("MAX_DEPARTED_SHARE", "2", "MAX_DEPARTED_SHARE is '2'; write a number from 0 to 1"),
        ("MAX_UNPACKED_BYTES", "0", "MAX_UNPACKED_BYTES is '0'; write a whole number of at least 1"),
        ("PUBLICATIONS_KEPT", "0", "PUBLICATIONS_KEPT is '0'; write a whole number of at least 1"),
        ("MEMORY_LIMIT", "much", "MEMORY_LIMIT is 'much'; write a size such as 500MB or 2GB"),
        ("MEMORY_LIMIT", "2", "MEMORY_LIMIT is '2'; write a size such as 500MB or 2GB"),
        ("WAREHOUSE_OWNER", "Ann", "WAREHOUSE_OWNER is 'Ann'; write an e-mail address"),
        ("WAREHOUSE_OWNER", "a@b.technology", "WAREHOUSE_OWNER is 'a@b.technology'; write an e-mail address"),
    ],
)
def test_a_setting_that_cannot_be_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(name, value)
    for command in (["run"], ["query", "select 1"], ["status"], ["explain", "user", SOMEBODY]):
        outcome = CliRunner().invoke(app, command)
        assert (outcome.exit_code, outcome.stderr) == (2, sentence + "\n")


@pytest.mark.parametrize("size", ["2GB", "500mb", "1.5 GiB", "900KiB", "1TB"])
def test_a_size_that_is_taken_is_one_for_duckdb(monkeypatch: pytest.MonkeyPatch, size: str) -> None:
    monkeypatch.setenv("MEMORY_LIMIT", size)
    duckdb.execute(f"set memory_limit = '{settings().memory_limit}'")


def test_links_that_lead_in_a_circle_are_no_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    monkeypatch.setenv("EXPORTS_DIR", str(tmp_path / "circle"))
    with pytest.raises(UsageError, match="EXPORTS_DIR: "):
        settings()


def damaged(content: bytes) -> Iterator[bytes]:
    yield b""
    yield b"not a database"
    yield content[: len(content) // 2]
    yield content[:4096]
    yield content[:12_288] + bytes(len(content) - 12_288)


def test_a_damaged_published_file_is_said_to_be_damaged(golden: Run, copied: Path) -> None:
    file = copied / "analytics.duckdb"
    file.chmod(0o600)
    for content in damaged(golden.published_file.read_bytes()):
        file.write_bytes(content)
        for what in (
            ("user", SOMEBODY),
            ("award", SOMEBODY),
            ("scene", SOMEBODY),
            ("change", "user", SOMEBODY, "--from", "2026-01-01", "--to", "2026-01-02"),
        ):
            outcome = asked("explain", *what)
            assert outcome.exit_code == 1
            assert outcome.stderr.startswith("it could not be done: ")


@pytest.mark.parametrize("sql", ["", "  ", "/* nothing */"])
def test_a_query_that_is_none_is_wrong_usage(copied: Path, sql: str) -> None:
    assert copied.exists()
    outcome = asked("query", sql)
    assert (outcome.exit_code, outcome.stderr) == (2, "this is no query; try one of README.md\n")
    assert "Parser Error" in asked("query", "selec").stderr


def test_a_warehouse_below_a_file_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("WAREHOUSE_DIR", str(tmp_path / "file" / "warehouse"))
    assert asked("query", "select 1").exit_code == 2
    assert asked("status").exit_code == 2


def test_a_directory_one_may_not_enter_is_named(tmp_path: Path) -> None:
    house = tmp_path / "house"
    (house / "warehouse").mkdir(parents=True)
    with closed(house):
        for command in (("query", "select 1"), ("status",)):
            outcome = asked_by_anybody(*command, WAREHOUSE_DIR=str(house / "warehouse"))
            assert outcome.returncode == 1
            sentence = f"it could not be done: [Errno 13] Permission denied: '{house}/warehouse/"
            assert outcome.stderr.startswith(sentence)
            assert len(outcome.stderr.splitlines()) == 1


def test_who_may_read_the_published_file_alone_can_ask_and_verify_it(copied: Path) -> None:
    """As a member of the group: the published file is readable and all the rest is closed."""
    shared = ("analytics.duckdb", "publications", "product")
    rest = [path for path in copied.iterdir() if path.name not in shared]
    with closed(*rest), closed(copied, mode=0o550):
        query = asked_by_anybody("query", "select run_id from publication", WAREHOUSE_DIR=str(copied))
        verify = asked_by_anybody("verify", WAREHOUSE_DIR=str(copied))
    assert query.returncode == 0, query.stderr
    assert verify.returncode == 0, verify.stdout + verify.stderr
    assert verify.stdout.count("Law ") == 5


def test_prune_without_the_key_says_that_it_is_gone(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERASURE_KEY", "")
    outcome = asked("prune", "--keep-days", "1")
    assert outcome.exit_code == 1
    assert f"the key {copied / 'key'} is gone" in outcome.stderr


def test_forgetting_on_a_full_disk_breaks_off(copied: Path) -> None:
    def on_a_full_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    outcome = subprocess.run(  # noqa: S603
        [WAREHOUSE, "forget", SOMEBODY],
        capture_output=True, text=True, check=False, preexec_fn=on_a_full_disk,
    )  # fmt: skip
    assert outcome.returncode == 1, outcome.stdout + outcome.stderr
    assert "the run broke off, and what was published stays: " in outcome.stderr
    assert "Traceback" not in outcome.stdout + outcome.stderr
    assert copied.exists()


def test_a_checkout_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    checkout = copied_project(tmp_path / "checkout", "orchestration", "target")
    house = tmp_path / "warehouse"
    (house / "publications").mkdir(parents=True)
    surroundings = {"PYTHONPATH": str(checkout), "WAREHOUSE_DIR": str(house), "EXPORTS_DIR": ""}
    with closed(checkout, mode=0o555):
        unwritten = asked_by_anybody("run", **surroundings)
    assert unwritten.returncode == 1
    assert f"Permission denied: '{checkout}/data'" in unwritten.stderr
    assert "Traceback" not in unwritten.stderr

    (checkout / "models" / "scenes" / "scope.sql").write_text("select {{ ref( from nowhere")
    unread = asked_by_anybody("status", **surroundings)
    assert unread.returncode == 1
    assert "dbt cannot read the project: " in unread.stderr
    assert "scope.sql" in unread.stderr
    assert "Traceback" not in unread.stdout + unread.stderr


def test_a_sample_broken_off_half_way_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration.cli import run

    config = replace(settings(), exports_dir=tmp_path / "exports")

    def half(folder: Path) -> None:
        (folder / "users").mkdir(parents=True)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("orchestration.sample.write_sample", half)
        with pytest.raises(OSError, match="No space left"):
            run._write_sample(config)
    assert not config.exports_dir.exists()
    monkeypatch.setattr(
        "orchestration.sample.write_sample", lambda folder: (folder / "tracks").mkdir(parents=True) or []
    )
    run._write_sample(config)
    assert [path.name for path in tmp_path.rglob("*")] == ["exports", "tracks"]


def test_a_defect_of_ours_still_shows_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("a defect")

    publish_until(tmp_path / "analytics.duckdb", "2026-01-02")
    monkeypatch.setenv("WAREHOUSE_DIR", str(tmp_path))
    monkeypatch.setattr(query, "answer", broken)
    outcome = CliRunner().invoke(app, ["query", "select 1"])
    assert isinstance(outcome.exception, ValueError)
