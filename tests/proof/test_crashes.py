"""Kill -9, at every step and at any moment: nothing is lost, nothing wrong is shown, all is made good.

The checks are seen to fail on a publication written in place, on a night taken away or swapped in file by
file, and on a lock that outlives its run.
"""

import datetime as dt
import itertools
import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import duckdb
import numpy as np
import pytest
import runs
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.storage.dagster_run import ACTIVE_RUN_STATUSES
from golden.world import CONFIRM, undisturbed
from runs import (
    NIGHTS,
    Change,
    Readers,
    any_change,
    command,
    digest,
    kill,
    killed_at,
    run,
    start,
    tables,
    trace,
    wait_until_new,
)

from orchestration.assets import models, schedules
from orchestration.build import working
from orchestration.build.archive import current, folder_matches
from orchestration.build.manifest import export_tables, manifest
from orchestration.build.product import is_whole
from orchestration.build.publication import publish, published_tables
from orchestration.definitions import all_definitions
from orchestration.lock import WarehouseBusyError
from orchestration.raw import ingest
from orchestration.raw.discover import delivered_nights
from orchestration.raw.store import recover
from orchestration.settings import Settings, settings

TABLES = export_tables()
Tried = Callable[[str, str, int], None]

PROMISE = "kill -9 loses nothing"
CHANGED = {name: TABLES[name] for name in ("follows", "signals", "users")}
PUBLISHED = list(published_tables(manifest()).values())
# Files that come anew just before a step, and within how many seconds of it a kill comes.
MARKS = {
    "building/warehouse.duckdb": 8.0,
    "incoming/work": 0.5,
    "publications/.draft.duckdb": 0.3,
    "raw/run.parquet": 1.0,
    ".analytics.duckdb.new": 0.02,
}
MOMENTS = [moment for mark in MARKS for moment in (mark, None)]
# Steps of a run that builds upon an earlier build, each before a change of files of its own (disturbed.py).
STEPS_UPON_AN_EARLIER_BUILD = {
    "its night is moved into raw": ("os.rename", "work/night"),
    "what it builds upon is moved away": ("os.rename", "warehouse/warehouse.duckdb"),
    "dbt starts": ("os.remove", "dbt/run_results.json"),
    "the build is moved to its place": ("os.rename", "building/warehouse.duckdb"),
    "the place it was built in is removed": ("os.rmdir", "/building"),
    "the publication is moved to the archive": ("os.rename", "publications/.draft.duckdb"),
    "the publication is moved to its place": ("os.rename", "/.analytics.duckdb.new"),
}


@pytest.fixture
def world(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the undisturbed exports and warehouse, free to be disturbed."""
    shutil.copytree(undisturbed(tmp_path_factory), tmp_path / "world")
    monkeypatch.setenv("EXPORTS_DIR", str(tmp_path / "world" / "exports"))
    monkeypatch.setenv("WAREHOUSE_DIR", str(tmp_path / "world" / "warehouse"))
    return tmp_path / "world"


def ingest_changed() -> None:
    """What a run does before it builds, with the tables that changed."""
    config = settings()
    recover(config, CHANGED)
    for _ in ingest.ingest(config, CHANGED, delivered_nights(config.exports_dir, CHANGED)):
        pass


def raw_rows(config: Settings) -> dict[str, tuple[int, int]]:
    """Every file below raw with the number and the sum of its rows."""
    found = {}
    with duckdb.connect() as connection:
        for path in sorted(config.raw_dir.glob("*/*/*.parquet")):
            rows = connection.execute("select count(*), sum(hash(r)) from read_parquet($1) as r", [str(path)])
            found[str(path.relative_to(config.raw_dir))] = rows.fetchone()
    return found


@pytest.fixture
def half_changed(world: Path) -> Path:
    """Deliveries that make ingestion move folders in every way it knows.

    One night is corrected, one refused beside its standing rows, one new; and a users night arrives late, so
    that the next, which stands, must be refused: it now lacks somebody.
    """
    config = settings()
    for folder in config.raw_dir.iterdir():
        if folder.is_dir() and folder.name not in CHANGED:
            shutil.rmtree(folder)
    users = config.exports_dir / "users"
    for night in NIGHTS[1:]:
        shutil.rmtree(users / night)
        shutil.rmtree(config.raw_dir / "users" / night)
    first = (users / NIGHTS[0] / "part-0000.csv").read_text()
    (users / NIGHTS[2]).mkdir()
    (users / NIGHTS[2] / "part-0000.csv").write_text(first)
    ingest_changed()
    leaver = first.splitlines()[1].replace("-000000000001", "-000000000099")
    (users / NIGHTS[1]).mkdir()
    (users / NIGHTS[1] / "part-0000.csv").write_text(first + leaver + "\n")
    follows = sorted((config.exports_dir / "follows").glob("*/part-*"))[0]
    follows.write_text("".join(follows.read_text().splitlines(keepends=True)[:-1]))
    signals = sorted((config.exports_dir / "signals").glob("*/part-*"))[0]
    signals.write_text("id\n")
    return world


def kill_ingestion(world: Path, stride: int, changes: Change = any_change) -> int:
    """Kill it before its changes of files; the next one must leave what an undisturbed one leaves."""
    config, before = settings(), world / "before"
    shutil.copytree(config.raw_dir, before)
    ingest_changed()
    wanted, standing = raw_rows(config), {path.name for path in (config.raw_dir / "users").iterdir()}
    assert standing == {"empty", NIGHTS[0], NIGHTS[1], f"{NIGHTS[2]}.refused"}
    for kills, step in enumerate(itertools.count(1, stride)):
        shutil.rmtree(config.raw_dir)
        shutil.copytree(before, config.raw_dir)
        killed = killed_at(step, ingest_changed, changes)
        ingest_changed()
        assert raw_rows(config) == wanted, f"killed before change {step}"
        if not killed:
            return kills
    raise AssertionError("it never ends")


def test_ingestion_killed_before_any_change_of_a_file_starts_over_without_loss(
    half_changed: Path, tried: Tried, long: bool
) -> None:
    kills = kill_ingestion(half_changed, stride=1 if long else 11)
    assert kills >= 5
    tried(PROMISE, "ingestion killed before a change of a file, then repeated", kills)


def test_a_night_taken_away_file_by_file_is_found(
    half_changed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_by_one(_settings: Settings, folder: Path) -> None:
        for name in ("delivered.parquet", "rejected.parquet", "rows.parquet"):
            (folder / name).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)

    def of_rows(event: str, arguments: tuple[object, ...]) -> bool:
        return event == "os.remove" and str(arguments[0]).endswith("rows.parquet")

    monkeypatch.setattr(ingest, "take_out", one_by_one)
    with pytest.raises(AssertionError, match="killed before change"):
        kill_ingestion(half_changed, 1, of_rows)


@pytest.fixture
def next_publication(world: Path) -> Path:
    """A warehouse that differs from the published file in every table that has a row count to differ in."""
    with duckdb.connect(str(world / "warehouse" / "warehouse.duckdb")) as connection:
        connection.execute("update publication set run_id = 'the next'")
        connection.execute("update activity_point set points = points + 1")
        connection.execute("delete from analytics_summary where tier = 'state'")
    return world


def folder_shown(config: Settings) -> Path:
    """The folder that the manifest of the product's tables leads to."""
    return config.product_dir / json.loads(config.product_manifest.read_bytes())["folder"]


def kill_publication(stride: int, changes: Change = any_change) -> int:
    """Kill it before its changes of files, with a reader watching; the published file is always whole."""
    config = settings()
    old, before = digest(config.published_file), config.published_file.read_bytes()
    folders = shutil.copytree(config.product_dir, config.warehouse_dir.with_name("folders"))
    publish(config, PUBLISHED)
    new = digest(config.published_file)
    assert old != new
    kills = 0
    with Readers(config.published_file, pause=0.05) as readers:
        for step in itertools.count(1, stride):
            beside = config.warehouse_dir / "old"
            beside.write_bytes(before)
            beside.replace(config.published_file)
            shutil.rmtree(config.product_dir)
            shutil.copytree(folders, config.product_dir)
            killed = killed_at(step, lambda: publish(config, PUBLISHED), changes)
            assert digest(config.published_file) in (old, new), f"killed before change {step}"
            assert is_whole(folder_shown(config)), f"killed before change {step}"
            publish(config, PUBLISHED)
            assert digest(config.published_file) == new, f"killed before change {step}"
            assert folder_matches(config, current(config)), f"killed before change {step}"
            if not killed:
                break
            kills += 1
    readers.saw_only({old, new})
    left = {path.name for path in (*config.publications_dir.iterdir(), *config.product_dir.iterdir())}
    assert not {name for name in left if name.startswith(".")}
    return kills


@pytest.mark.usefixtures("next_publication")
def test_a_publication_killed_before_any_change_of_a_file_leaves_the_old_or_the_new(
    tried: Tried, long: bool
) -> None:
    kills = kill_publication(stride=1 if long else 2)
    assert kills >= (24 if long else 12)  # of two dozen changes all, or every second
    tried(PROMISE, "publication killed before a change of a file, with a reader watching", kills)


@pytest.mark.usefixtures("next_publication")
def test_a_publication_written_in_place_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = Path.replace

    def in_place(draft: Path, target: Path) -> None:
        if draft.is_dir():
            moved(draft, target)
            return
        target.unlink(missing_ok=True)
        shutil.copyfile(draft, target)

    def of_published_file(event: str, arguments: tuple[object, ...]) -> bool:
        return event == "shutil.copyfile" and str(arguments[1]).endswith("/analytics.duckdb")

    monkeypatch.setattr(Path, "replace", in_place)
    with pytest.raises((AssertionError, duckdb.Error)):
        kill_publication(1, of_published_file)


@pytest.mark.usefixtures("world")
def test_a_dbt_left_behind_by_a_killed_run_is_waited_for() -> None:
    config = settings()
    config.building_dir.mkdir()
    unfinished = config.building_file
    with runs.held_open(unfinished):
        with pytest.raises(WarehouseBusyError, match="the dbt of a run that broke off is still at work"):
            working.start_from(config)
        assert unfinished.exists()
    working.start_from(config)
    assert [path.name for path in config.building_dir.iterdir()] == [config.warehouse_file.name]
    assert not config.warehouse_file.exists()


@dataclass
class Before:
    """What the runs to be killed find, and what they must publish in the end."""

    exports_dir: Path
    warehouse_dir: Path
    wanted: Path
    exit_code: int

    def copy(self, folder: Path) -> Path:
        """The warehouse, free to be disturbed, with no lock but that of a run that was killed."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.warehouse_dir, folder)
        (folder / "lock").unlink()
        return folder

    def words(self, warehouse_dir: Path, disturbed: Iterable[str] = (), changed: str = "") -> list[str]:
        """The run of all nights."""
        return command(self.exports_dir, warehouse_dir, *CONFIRM, disturbed=disturbed, changed=changed)

    def is_made_good(self, warehouse_dir: Path, changed: str = "") -> None:
        """The next run publishes what an undisturbed one does."""
        outcome = run(self.words(warehouse_dir, changed=changed))
        assert outcome.returncode == self.exit_code, outcome.stdout + outcome.stderr
        assert tables(warehouse_dir / "analytics.duckdb") == tables(self.wanted)
        assert not (warehouse_dir / "building").exists()

    def is_killed_and_made_good(self, folder: Path, step: Iterable[str], changed: str = "") -> None:
        """A run killed at a step leaves what is published as it was, and the next one makes it good."""
        warehouse_dir = self.copy(folder)
        stood = digest(warehouse_dir / "analytics.duckdb")
        struck = run(self.words(warehouse_dir, disturbed=(*step, "kill"), changed=changed))
        if struck.returncode != -signal.SIGKILL:
            pytest.fail(f"it was not killed, and said: {struck.stdout}{struck.stderr}")
        assert digest(warehouse_dir / "analytics.duckdb") == stood
        self.is_made_good(warehouse_dir, changed)


@pytest.fixture
def from_the_beginning(tmp_path_factory: pytest.TempPathFactory) -> Before:
    """Two nights are published; in the third somebody departs."""
    world, whole = runs.two_nights(tmp_path_factory), undisturbed(tmp_path_factory)
    return Before(world / "exports", world / "warehouse", whole / "warehouse" / "analytics.duckdb", 4)


@pytest.fixture
def upon_an_earlier_build(tmp_path_factory: pytest.TempPathFactory) -> Before:
    """One night is published; what is wanted is what both give in one build from the beginning."""
    world, both = runs.one_night(tmp_path_factory), runs.two_nights(tmp_path_factory)
    return Before(world / "exports", world / "warehouse", both / "warehouse" / "analytics.duckdb", 0)


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> float:
    """How many seconds a run of three nights takes here, undisturbed."""
    exports_dir = runs.two_nights(tmp_path_factory) / "exports"
    began = time.monotonic()
    outcome = run(command(exports_dir, tmp_path_factory.mktemp("timed"), *CONFIRM))
    assert outcome.returncode == 4, outcome.stdout + outcome.stderr
    return time.monotonic() - began


def was_killed(words: list[str], mark: Path | None, seconds: float) -> bool:
    """Start a run and kill it so many seconds after a file came anew; False if it ended before."""
    before = trace(mark) if mark else None
    process = start(words)
    if mark and not wait_until_new(mark, process, before):
        process.wait()
        return False
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    return process.poll() is None and kill(process)


@pytest.mark.long
@pytest.mark.parametrize("series", range(5))
def test_a_run_killed_again_and_again_publishes_in_the_end_what_an_undisturbed_one_does(
    from_the_beginning: Before, whole_run: float, tmp_path: Path, tried: Tried, series: int
) -> None:
    """Chains of kills, each on what the one before left; the last run of a chain is let alone.

    Every second moment lies anywhere in a run; the others lie just after a file appeared that marks a step.
    """
    chance, kills, read = np.random.default_rng(series), 0, 0
    moments = itertools.cycle(MOMENTS)
    while kills < len(MOMENTS):
        warehouse_dir = from_the_beginning.copy(tmp_path / "warehouse")
        published = warehouse_dir / "analytics.duckdb"
        allowed = {digest(from_the_beginning.wanted), digest(published)}
        with Readers(published, pause=0.1) as readers:
            for mark in itertools.islice(moments, len(MOMENTS)):
                place, within = (warehouse_dir / mark, MARKS[mark]) if mark else (None, whole_run)
                if not was_killed(from_the_beginning.words(warehouse_dir), place, chance.random() * within):
                    break
                kills += 1
            from_the_beginning.is_made_good(warehouse_dir)
        read += readers.saw_only(allowed)
    tried(PROMISE, "the whole run killed, and run again, until one is let alone", kills)
    tried(PROMISE, "the published file read meanwhile: always one whole publication", read)


@pytest.mark.long
@pytest.mark.parametrize("step", STEPS_UPON_AN_EARLIER_BUILD)
def test_a_run_killed_at_a_known_step_is_made_good_by_the_next(
    upon_an_earlier_build: Before, tmp_path: Path, tried: Tried, step: str
) -> None:
    upon_an_earlier_build.is_killed_and_made_good(tmp_path / "warehouse", STEPS_UPON_AN_EARLIER_BUILD[step])
    tried(PROMISE, f"a run upon an earlier build killed before {step}", 1)


@pytest.mark.long
def test_a_run_killed_between_the_published_file_and_its_folder_is_made_good_by_the_next(
    upon_an_earlier_build: Before, tmp_path: Path, tried: Tried, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is the new one already; the folder is still that of the old one, and whole."""
    warehouse_dir = upon_an_earlier_build.copy(tmp_path / "warehouse")
    monkeypatch.setenv("WAREHOUSE_DIR", str(warehouse_dir))
    config = settings()
    stood = folder_shown(config)
    step = ("os.rename", "/.manifest.json.new", "kill")
    assert run(upon_an_earlier_build.words(warehouse_dir, disturbed=step)).returncode == -signal.SIGKILL
    assert tables(config.published_file) == tables(upon_an_earlier_build.wanted)
    assert (folder_shown(config), is_whole(stood)) == (stood, True)
    upon_an_earlier_build.is_made_good(warehouse_dir)
    assert folder_matches(config, current(config))
    tried(PROMISE, "a run killed between the published file and the product's tables", 1)


@pytest.mark.long
def test_a_build_from_the_beginning_killed_before_the_old_one_is_removed_is_made_good_by_the_next(
    from_the_beginning: Before, tmp_path: Path, tried: Tried
) -> None:
    step = ("os.remove", "warehouse/warehouse.duckdb")
    from_the_beginning.is_killed_and_made_good(tmp_path / "warehouse", step)
    tried(PROMISE, "a run from the beginning killed before the old build is removed", 1)


@pytest.mark.long
@pytest.mark.parametrize("seconds", [0.0, 1.5, 3.0, 4.5])
def test_a_build_upon_an_earlier_one_killed_midway_is_made_good_by_the_next(
    upon_an_earlier_build: Before, tmp_path: Path, tried: Tried, seconds: float
) -> None:
    warehouse_dir = upon_an_earlier_build.copy(tmp_path / "warehouse")
    stood, writes = (
        digest(warehouse_dir / "analytics.duckdb"),
        warehouse_dir / "building" / "warehouse.duckdb.wal",
    )
    assert was_killed(upon_an_earlier_build.words(warehouse_dir), writes, seconds)
    assert not (warehouse_dir / "warehouse.duckdb").exists()
    assert digest(warehouse_dir / "analytics.duckdb") == stood
    upon_an_earlier_build.is_made_good(warehouse_dir)
    tried(PROMISE, "a build upon an earlier one killed while dbt writes in it", 1)


@pytest.mark.long
@pytest.mark.parametrize(
    ("changed", "step", "found"),
    [
        ("publishes_in_two_steps", ("os.rename", "/.analytics.duckdb.new"), "analytics.duckdb"),
        ("swaps_file_by_file", ("os.rename", "night/rows.parquet"), "Not published"),
        ("believes_a_dead_lock", ("os.mkdir", "incoming/work"), "another run"),
    ],
)
def test_a_run_that_leaves_something_behind_is_found(
    upon_an_earlier_build: Before, tmp_path: Path, changed: str, step: tuple[str, str], found: str
) -> None:
    with pytest.raises((AssertionError, duckdb.Error), match=found):
        upon_an_earlier_build.is_killed_and_made_good(tmp_path / "warehouse", step, changed)


@pytest.mark.long
def test_a_run_killed_alone_leaves_a_dbt_that_harms_nobody(
    from_the_beginning: Before, tmp_path: Path, tried: Tried
) -> None:
    warehouse_dir = from_the_beginning.copy(tmp_path / "warehouse")
    process = start(from_the_beginning.words(warehouse_dir))
    assert wait_until_new(warehouse_dir / "building" / "warehouse.duckdb.wal", process, None)
    process.kill()
    process.wait()
    while (outcome := run(from_the_beginning.words(warehouse_dir))).returncode == 3:
        assert "the dbt of a run that broke off is still at work" in outcome.stderr
    assert outcome.returncode == 4, outcome.stdout + outcome.stderr
    assert tables(warehouse_dir / "analytics.duckdb") == tables(from_the_beginning.wanted)
    tried(PROMISE, "a run killed without its dbt, and run again at once", 1)


@pytest.mark.usefixtures("world")
def test_a_dbt_that_was_killed_is_named_and_what_an_earlier_one_said_is_not_taken_for_its_word() -> None:
    config = settings()
    assert (config.warehouse_dir / "dbt" / "run_results.json").exists()
    models._artefacts(config, config.dbt_dir)
    killed = SimpleNamespace(target_path=config.dbt_dir, process=SimpleNamespace(returncode=-9))
    said = models.failure_message(config, killed)
    assert "dbt ended before it was done, with exit code -9" in said


def test_a_run_that_was_killed_does_not_keep_the_schedule_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Tried
) -> None:
    """Dagster starts one run at a time and believes a killed one to be running for ever."""
    monkeypatch.setenv("WAREHOUSE_DIR", str(tmp_path))
    monkeypatch.setenv("EXPORTS_DIR", str(tmp_path / "exports"))
    monkeypatch.setattr(schedules, "STARTS_WITHIN", dt.timedelta(0))
    with dg.DagsterInstance.ephemeral() as instance, dg.build_sensor_context(instance=instance) as context:
        killed = instance.create_run_for_job(all_definitions().resolve_job_def("nightly"))
        instance.report_dagster_event(
            DagsterEvent(DagsterEventType.PIPELINE_START.value, "nightly"), killed.run_id
        )
        assert status(instance, killed) == dg.DagsterRunStatus.STARTED
        with runs.held(settings()):
            list(schedules.complete_night(context))
            assert status(instance, killed) == dg.DagsterRunStatus.STARTED
        list(schedules.complete_night(context))
        assert status(instance, killed) == dg.DagsterRunStatus.FAILURE
        assert not instance.get_runs(dg.RunsFilter(statuses=ACTIVE_RUN_STATUSES))
    tried(PROMISE, "a killed run written off, so that the queue goes on", 1)


def test_a_run_that_has_only_just_started_is_not_written_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_DIR", str(tmp_path))
    with dg.DagsterInstance.ephemeral() as instance:
        young = instance.create_run_for_job(all_definitions().resolve_job_def("nightly"))
        instance.report_dagster_event(
            DagsterEvent(DagsterEventType.PIPELINE_START.value, "nightly"), young.run_id
        )
        schedules.close_broken_off_runs(instance, settings())
        assert status(instance, young) == dg.DagsterRunStatus.STARTED


def status(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    return instance.get_run_by_id(run.run_id).status
