"""Kill -9, at every step and at any moment: nothing is lost, nothing wrong is shown, all is made good.

The checks are seen to fail on a publication written in place, and on a night taken away file by file.
"""

import datetime as dt
import itertools
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
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
from runs import (
    CONFIRMED,
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
    wait_for,
)

from orchestration import ingestion, schedules, transformation
from orchestration.definitions import defs
from orchestration.exports import delivered_nights
from orchestration.lock import WarehouseBusyError
from orchestration.publication import publish, published_tables
from orchestration.raw_assets import TABLES
from orchestration.settings import Settings, settings
from orchestration.transformation import MANIFEST

Tried = Callable[[str, str, int], None]

PROMISE = "kill -9 loses nothing"
CHANGED = {name: TABLES[name] for name in ("follows", "signals", "users")}
PUBLISHED = list(published_tables(MANIFEST).values())
# Files that appear just before a step, and within how many seconds of it a kill comes.
MARKS = {
    "building/warehouse.duckdb": 8.0,
    "incoming/work": 0.5,
    "publications/.draft.duckdb": 0.3,
    "raw/run.parquet": 1.0,
    ".analytics.duckdb.new": 0.02,
}
MOMENTS = [moment for mark in MARKS for moment in (mark, None)]


@pytest.fixture
def world(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the undisturbed exports and warehouse, free to be disturbed."""
    shutil.copytree(runs.undisturbed(tmp_path_factory), tmp_path / "world")
    monkeypatch.setenv("EXPORTS_DIR", str(tmp_path / "world" / "exports"))
    monkeypatch.setenv("WAREHOUSE_DIR", str(tmp_path / "world" / "warehouse"))
    return tmp_path / "world"


def ingest_changed() -> None:
    """What a run does before it builds, with the tables that changed."""
    config = settings()
    ingestion.recover(config, CHANGED)
    for _ in ingestion.ingest(config, CHANGED, delivered_nights(config.exports_dir, CHANGED)):
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

    monkeypatch.setattr(ingestion, "_remove", one_by_one)
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


def kill_publication(stride: int, changes: Change = any_change) -> int:
    """Kill it before its changes of files, with a reader watching; the published file is always whole."""
    config = settings()
    old, before = digest(config.published_file), config.published_file.read_bytes()
    publish(config, PUBLISHED)
    new = digest(config.published_file)
    assert old != new
    with Readers(config.published_file, pause=0.05) as readers:
        for step in itertools.count(1, stride):
            beside = config.warehouse_dir / "old"
            beside.write_bytes(before)
            beside.replace(config.published_file)
            killed = killed_at(step, lambda: publish(config, PUBLISHED), changes)
            assert digest(config.published_file) in (old, new), f"killed before change {step}"
            publish(config, PUBLISHED)
            assert digest(config.published_file) == new, f"killed before change {step}"
            if not killed:
                break
    assert readers.errors == []
    assert set(readers.seen) <= {old, new}
    assert sum(readers.seen.values()) > 0
    left = {path.name for path in config.publications_dir.iterdir()}
    assert not {name for name in left if name.startswith(".")}
    return step // stride


@pytest.mark.usefixtures("next_publication")
def test_a_publication_killed_before_any_change_of_a_file_leaves_the_old_or_the_new(
    tried: Tried, long: bool
) -> None:
    kills = kill_publication(stride=1 if long else 2)
    assert kills >= 5
    tried(PROMISE, "publication killed before a change of a file, with a reader watching", kills)


@pytest.mark.usefixtures("next_publication")
def test_a_publication_written_in_place_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def in_place(draft: Path, target: Path) -> None:
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
    unfinished = config.building_dir / config.warehouse_file.name
    with runs.held_open(unfinished):
        with pytest.raises(WarehouseBusyError, match="the dbt of a run that broke off is still at work"):
            transformation.start_from(config)
        assert unfinished.exists()
    transformation.start_from(config)
    assert [path.name for path in config.building_dir.iterdir()] == [config.warehouse_file.name]
    assert not config.warehouse_file.exists()


@dataclass
class Before:
    """What the runs to be killed find, and about how long an undisturbed one takes."""

    exports_dir: Path
    warehouse_dir: Path
    seconds: float

    def copy(self, folder: Path) -> Path:
        """The warehouse, free to be disturbed."""
        shutil.rmtree(folder, ignore_errors=True)
        return shutil.copytree(self.warehouse_dir, folder)

    def words(self, warehouse_dir: Path) -> list[str]:
        """The run of all three nights."""
        return command(self.exports_dir, warehouse_dir, *CONFIRMED)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Before:
    """Two nights are published, a third is delivered."""
    world = runs.two_nights(tmp_path_factory)
    began = time.monotonic()
    outcome = run(command(world / "exports", tmp_path_factory.mktemp("timed"), *CONFIRMED))
    assert outcome.returncode == 4, outcome.stdout + outcome.stderr
    return Before(world / "exports", world / "warehouse", time.monotonic() - began)


def was_killed(words: list[str], warehouse_dir: Path, mark: str | None, seconds: float) -> bool:
    """Start a run and kill it so many seconds after a file is there; False if it ended before."""
    process = start(words)
    if mark:
        wait_for(warehouse_dir / mark, process)
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    return process.poll() is None and kill(process)


@pytest.mark.long
def test_a_run_killed_again_and_again_publishes_in_the_end_what_an_undisturbed_one_does(
    before: Before, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, tried: Tried
) -> None:
    """Chains of kills, each on what the one before left; the last run of a chain is let alone.

    Every second moment lies anywhere in a run; the others lie just after a file appeared that marks a step.
    """
    wanted = runs.undisturbed(tmp_path_factory) / "warehouse" / "analytics.duckdb"
    allowed = {digest(wanted)}
    chance, kills, read = np.random.default_rng(1), 0, 0
    moments = itertools.cycle(MOMENTS)
    while kills < 50:
        warehouse_dir = before.copy(tmp_path / "warehouse")
        published = warehouse_dir / "analytics.duckdb"
        allowed.add(digest(published))
        with Readers(published, pause=0.1) as readers:
            for mark in itertools.islice(moments, 10):
                within = MARKS[mark] if mark else before.seconds
                if not was_killed(before.words(warehouse_dir), warehouse_dir, mark, chance.random() * within):
                    break
                kills += 1
            outcome = run(before.words(warehouse_dir))
        assert outcome.returncode == 4, outcome.stdout + outcome.stderr
        assert tables(published) == tables(wanted)
        assert readers.errors == []
        assert set(readers.seen) <= allowed
        read += sum(readers.seen.values())
    tried(PROMISE, "the whole run killed, and run again, until one is let alone", kills)
    tried(PROMISE, "the published file read meanwhile: always one whole publication", read)


@pytest.mark.long
@pytest.mark.parametrize(
    ("event", "ending"),
    [
        ("os.rename", "warehouse/warehouse.duckdb"),  # away from its place, and later back to it
        ("os.rename", "building/warehouse.duckdb"),
        ("os.rmdir", "/building"),
        ("os.rename", "/.analytics.duckdb.new"),
    ],
)
def test_a_run_killed_at_a_known_step_is_made_good_by_the_next(
    event: str,
    ending: str,
    before: Before,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    tried: Tried,
) -> None:
    warehouse_dir = before.copy(tmp_path / "warehouse")
    stood = digest(warehouse_dir / "analytics.duckdb")
    struck = command(before.exports_dir, warehouse_dir, *CONFIRMED, disturbed=(event, ending, "kill"))
    assert run(struck).returncode == -signal.SIGKILL
    assert digest(warehouse_dir / "analytics.duckdb") == stood
    assert run(before.words(warehouse_dir)).returncode == 4
    wanted = runs.undisturbed(tmp_path_factory) / "warehouse" / "analytics.duckdb"
    assert tables(warehouse_dir / "analytics.duckdb") == tables(wanted)
    tried(PROMISE, f"the whole run killed before {event} of {ending}", 1)


@pytest.mark.long
def test_a_run_killed_alone_leaves_a_dbt_that_harms_nobody(
    before: Before, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, tried: Tried
) -> None:
    warehouse_dir = before.copy(tmp_path / "warehouse")
    process = start(before.words(warehouse_dir))
    wait_for(warehouse_dir / "building" / "warehouse.duckdb.wal", process)
    process.kill()
    process.wait()
    while (outcome := run(before.words(warehouse_dir))).returncode == 3:
        assert "the dbt of a run that broke off is still at work" in outcome.stderr
    assert outcome.returncode == 4, outcome.stdout + outcome.stderr
    wanted = runs.undisturbed(tmp_path_factory) / "warehouse" / "analytics.duckdb"
    assert tables(warehouse_dir / "analytics.duckdb") == tables(wanted)
    tried(PROMISE, "a run killed without its dbt, and run again at once", 1)


@pytest.mark.usefixtures("world")
def test_a_dbt_that_was_killed_is_named_and_what_an_earlier_one_said_is_not_taken_for_its_word() -> None:
    config = settings()
    assert (config.warehouse_dir / "dbt" / "run_results.json").exists()
    artefacts = transformation._artefacts(config)
    killed = SimpleNamespace(target_path=artefacts, process=SimpleNamespace(returncode=-9))
    said = transformation.failure_message(config, killed)
    assert "dbt ended before it was done, with exit code -9" in said


def test_a_run_that_was_killed_does_not_keep_the_schedule_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Tried
) -> None:
    """Dagster starts one run at a time and believes a killed one to be running for ever."""
    monkeypatch.setenv("WAREHOUSE_DIR", str(tmp_path))
    monkeypatch.setenv("EXPORTS_DIR", str(tmp_path / "exports"))
    monkeypatch.setattr(schedules, "STARTS_WITHIN", dt.timedelta(0))
    with dg.DagsterInstance.ephemeral() as instance, dg.build_sensor_context(instance=instance) as context:
        killed = instance.create_run_for_job(defs.resolve_job_def("nightly"))
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
        young = instance.create_run_for_job(defs.resolve_job_def("nightly"))
        instance.report_dagster_event(
            DagsterEvent(DagsterEventType.PIPELINE_START.value, "nightly"), young.run_id
        )
        schedules.close_broken_off_runs(instance, settings())
        assert status(instance, young) == dg.DagsterRunStatus.STARTED


def status(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    return instance.get_run_by_id(run.run_id).status
