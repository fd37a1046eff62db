"""Readers and runs at the same time: readers see whole publications only, and one run at a time.

The readers are seen to notice a file that is written in place, and to be missed when they die; of the runs,
a lock that keeps nobody out is noticed.
"""

import hashlib
import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
import runs
from golden.world import CONFIRM, undisturbed
from runs import Readers, command, digest, kill, run, start, tables

from orchestration.build import product
from orchestration.build.manifest import manifest
from orchestration.build.publication import publish, published_tables
from orchestration.lock import WarehouseBusyError, hold, is_held, let_go
from orchestration.settings import settings

Tried = Callable[[str, str, int], None]

PROMISE = "readers never see an error or a mixture"
PUBLISHED = list(published_tables(manifest()).values())


@pytest.fixture
def world(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the undisturbed exports and warehouse."""
    shutil.copytree(undisturbed(tmp_path_factory), tmp_path / "world")
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
    assert len(published) == 2
    tried(PROMISE, f"a whole read by one of {many} readers", readers.saw_only(published))
    tried(PROMISE, "a publication replaced meanwhile", times)


def test_a_file_written_in_place_would_be_noticed(
    in_turn: Callable[[int], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = Path.replace

    def in_place(draft: Path, target: Path) -> None:
        if draft.is_dir():
            moved(draft, target)
            return
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
    with pytest.raises(AssertionError):
        readers.saw_only(published)


def tables_of_the_product(manifest_file: Path) -> str:
    """The publication that somebody finds who reads the manifest once, then every file that it names.

    Who is so slow that the publication has been deleted meanwhile reads the manifest again, as the docs say.
    """
    said = json.loads(manifest_file.read_bytes())
    try:
        for name, table in said["tables"].items():
            file = manifest_file.parent / said["folder"] / table["file"]
            assert hashlib.sha256(file.read_bytes()).hexdigest() == table["sha256"], name
            assert len(duckdb.read_parquet(str(file))) == table["rows"], name
    except (FileNotFoundError, duckdb.IOException):
        if json.loads(manifest_file.read_bytes())["folder"] == said["folder"]:
            raise
        return tables_of_the_product(manifest_file)
    return said["run_id"]


@pytest.fixture
def again(world: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], str]:
    """Publishes anew, of which two are kept; the run of the publication."""
    monkeypatch.setenv("PUBLICATIONS_KEPT", "2")

    def publish_next(number: int) -> str:
        config = settings()
        with duckdb.connect(str(config.warehouse_file)) as connection:
            connection.execute("update publication set run_id = $1", [f"run {number}"])
            connection.execute("update user_activity set points_7d = points_7d + 1")
        publish(config, PUBLISHED)
        return f"run {number}"

    assert world.exists()
    return publish_next


def test_who_polls_finds_the_tables_of_one_publication_however_many_replace_it(
    again: Callable[[int], str], tried: Tried, long: bool
) -> None:
    many, times = (8, 30) if long else (2, 6)
    again(0)
    manifest_file = settings().product_manifest
    with Readers(manifest_file, many, pause=0.01, look=tables_of_the_product) as readers:
        published = {again(number + 1) for number in range(times)}
    tried(PROMISE, "the product's tables read by who polls", readers.saw_only({*published, "run 0"}))
    assert len(readers.seen) > 2
    assert sum(1 for _ in manifest_file.parent.glob("*/")) == 2


def test_a_folder_that_is_written_in_place_would_be_noticed(
    again: Callable[[int], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    into_place = product._put_in_place

    def in_place(draft: Path, folder: Path) -> None:
        found = settings().product_dir / json.loads(settings().product_manifest.read_bytes())["folder"]
        for file in sorted(draft.iterdir()):
            (found / file.name).unlink()
            shutil.copy(file, found / file.name)
            time.sleep(0.2)
        into_place(draft, folder)

    again(0)
    monkeypatch.setattr(product, "_put_in_place", in_place)
    with Readers(settings().product_manifest, pause=0.01, look=tables_of_the_product) as readers:
        published = {again(1)}
    with pytest.raises(AssertionError):
        readers.saw_only({*published, "run 0"})


@pytest.mark.usefixtures("world")
def test_a_reader_that_read_nothing_or_died_would_be_missed() -> None:
    published = settings().published_file
    with Readers(published, pause=3600) as idle:
        pass
    with pytest.raises(AssertionError, match="a reader has read nothing since it began"):
        idle.saw_only({digest(published)})
    readers = Readers(published, 2)
    with pytest.raises(AssertionError, match=r"did not say what they saw: .*SIGKILL"), readers:
        readers.processes[1].kill()


def of_two_runs_one_runs(folder: Path, behind: Path, *, to_its_end: bool, changed: str = "") -> Path:
    """While a run that has work is in the middle of it, another steps back; the warehouse of the first."""
    exports_dir = behind / "exports"
    warehouse_dir = shutil.copytree(behind / "warehouse", folder / "warehouse")
    (warehouse_dir / "warehouse.duckdb").unlink()  # whatever was published, there is something to build
    before = (warehouse_dir / "analytics.duckdb").read_bytes()

    def words(what: str) -> list[str]:
        struck = ("open", "/dbt.log", what)
        return command(exports_dir, warehouse_dir, *CONFIRM, disturbed=struck, changed=changed)

    first = start(words("stop"))
    try:
        stopped = os.waitid(os.P_PID, first.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert stopped.si_code == os.CLD_STOPPED
        second = run(words("kill"))  # should it not step back, it comes no further than the first
        assert second.returncode == 3, second.stdout + second.stderr
        assert f"another run (process {first.pid}) holds {warehouse_dir}" in " ".join(second.stderr.split())
        assert "Traceback" not in second.stderr
        assert (warehouse_dir / "analytics.duckdb").read_bytes() == before
        if to_its_end:
            os.kill(first.pid, signal.SIGCONT)
            assert first.wait() == 4
    finally:
        if first.poll() is None:
            kill(first)
    return warehouse_dir


def test_of_two_runs_started_together_one_runs_and_the_other_says_so(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, tried: Tried, long: bool
) -> None:
    behind = runs.two_nights(tmp_path_factory) if long else undisturbed(tmp_path_factory)
    warehouse_dir = of_two_runs_one_runs(tmp_path, behind, to_its_end=long)
    if long:
        wanted = undisturbed(tmp_path_factory) / "warehouse" / "analytics.duckdb"
        assert tables(warehouse_dir / "analytics.duckdb") == tables(wanted)
    tried("one run at a time", "two runs together: one runs, the other exits 3", 1)


@pytest.mark.long
def test_a_lock_that_keeps_nobody_out_is_found(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    behind = runs.two_nights(tmp_path_factory)
    with pytest.raises(AssertionError, match="assert -9 == 3"):
        of_two_runs_one_runs(tmp_path, behind, to_its_end=False, changed="ignores_the_lock")


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
