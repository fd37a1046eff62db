"""Readers and runs at the same time: readers see whole publications only, and one run at a time.

The readers are seen to notice a file that is written in place.
"""

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
import runs
from runs import CONFIRMED, Readers, command, digest, run, start

from orchestration.lock import WarehouseBusyError, hold, is_held, let_go
from orchestration.publication import publish, published_tables
from orchestration.settings import settings
from orchestration.transformation import MANIFEST

Tried = Callable[[str, str, int], None]

PROMISE = "readers never see an error or a mixture"
PUBLISHED = list(published_tables(MANIFEST).values())


@pytest.fixture
def world(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the undisturbed exports and warehouse."""
    shutil.copytree(runs.undisturbed(tmp_path_factory), tmp_path / "world")
    monkeypatch.setenv("EXPORTS_DIR", str(tmp_path / "world" / "exports"))
    monkeypatch.setenv("WAREHOUSE_DIR", str(tmp_path / "world" / "warehouse"))
    return tmp_path / "world"


@pytest.fixture
def in_turn(world: Path) -> Callable[[int], str]:
    """Publishes one of two warehouses in turn; the digest of what it published."""
    even, odd = (world / "warehouse" / name for name in ("even.duckdb", "odd.duckdb"))
    shutil.copy(world / "warehouse" / "warehouse.duckdb", even)
    shutil.copy(even, odd)
    with duckdb.connect(str(odd)) as connection:
        connection.execute("update publication set run_id = 'odd'")
        connection.execute("update activity_point set points = points + 1")
        connection.execute("delete from analytics_summary where tier = 'state'")

    def publish_next(number: int) -> str:
        config = settings()
        config.warehouse_file.unlink()
        config.warehouse_file.hardlink_to(odd if number % 2 else even)
        return digest(publish(config, PUBLISHED))

    return publish_next


def test_readers_see_whole_publications_only_while_they_are_replaced(
    in_turn: Callable[[int], str], tried: Tried, long: bool
) -> None:
    many, times = (20, 50) if long else (4, 6)
    in_turn(0)
    with Readers(settings().published_file, many, pause=0.01 * many) as readers:
        published = {in_turn(number + 1) for number in range(times)}
    assert readers.errors == []
    assert set(readers.seen) <= published
    assert len(published) == 2
    tried(PROMISE, f"a whole read by one of {many} readers", sum(readers.seen.values()))
    tried(PROMISE, "a publication replaced meanwhile", times)


def test_a_file_written_in_place_would_be_noticed(
    in_turn: Callable[[int], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_place(draft: Path, target: Path) -> None:
        content = draft.read_bytes()
        if target.exists():
            target.chmod(0o600)
        with target.open("wb") as file:
            file.write(content[: len(content) // 2])
            file.flush()
            time.sleep(1)
            file.write(content[len(content) // 2 :])

    in_turn(0)
    monkeypatch.setattr(Path, "replace", in_place)
    with Readers(settings().published_file, pause=0.05) as readers:
        published = {in_turn(1), in_turn(2)}
    assert readers.errors or not set(readers.seen) <= published


def test_of_two_runs_started_together_one_runs_and_the_other_says_so(world: Path, tried: Tried) -> None:
    exports_dir, warehouse_dir = world / "exports", world / "warehouse"
    before = settings().published_file.read_bytes()
    first = start(command(exports_dir, warehouse_dir, *CONFIRMED, disturbed=("open", "/dbt.log", "stop")))
    os.waitid(os.P_PID, first.pid, os.WSTOPPED | os.WNOWAIT)  # it is in the middle of its run
    second = run(command(exports_dir, warehouse_dir, *CONFIRMED))
    os.kill(first.pid, signal.SIGCONT)
    assert second.returncode == 3, second.stdout + second.stderr
    assert f"another run (process {first.pid}) holds {warehouse_dir}" in " ".join(second.stderr.split())
    assert "Traceback" not in second.stderr
    assert first.wait() == 4
    assert settings().published_file.read_bytes() == before
    tried("one run at a time", "two runs together: one runs, the other exits 3", 1)


@pytest.mark.usefixtures("world")
def test_the_lock_of_a_run_that_was_killed_is_not_in_the_way(tried: Tried) -> None:
    config = settings()
    with runs.held(config):
        holder = config.lock_file.read_text()
        assert is_held(config)
        with pytest.raises(WarehouseBusyError, match=f"process {holder}"):
            hold(config)
    assert config.lock_file.read_text() == holder  # still there, and names a process that is not
    assert not Path(f"/proc/{holder}").exists()
    assert not is_held(config)
    hold(config)
    let_go(config)
    tried("one run at a time", "the lock of a run that was killed taken over", 1)
