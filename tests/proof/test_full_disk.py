"""A full disk, a directory closed to the run: one clear sentence, and the old publication stays as it is.

Root writes everywhere; so that file permissions count for it too, its runs here give that power up.
"""

import os
import re
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import duckdb
import pytest
import runs
from checkout import copied_project
from golden.world import CONFIRM, undisturbed
from ingesting import House, act
from runs import NIGHTS, command, digest, in_a_child, run, tables

from orchestration.assets import models
from orchestration.assets.published import analytics
from orchestration.build.manifest import manifest
from orchestration.build.publication import publish, published_tables
from orchestration.raw import ingest, jsonl_source, parquet_source, read, refuse
from orchestration.settings import settings

Tried = Callable[[str, str, int], None]

PROMISE = "a full disk or closed directory"
PUBLISHED = list(published_tables(manifest()).values())
AS_ANYBODY = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []

# At which step the disk is full, for files of how many bytes, and all that the run then says.
FULL = {
    "ingestion": (
        ("os.mkdir", "incoming/work", "full:5000000"),
        "follows 2026-01-03 could not be ingested, and what was published stays: [Errno 27] File too large; "
        "make room in {warehouse}/incoming or open it to this user, then run again",
    ),
    "the first file after a delivery": (
        ("os.mkdir", "incoming/work", "full:500"),
        # Dagster cannot even write down that the step failed.
        "the run broke off, and what was published stays: disk I/O error in {warehouse}/dagster",
    ),
    "build": (
        ("os.mkdir", "/building", "full:12000000"),  # of 20 MB
        "Not published; yesterday's file keeps serving. The build could not be written to its end in "
        "{warehouse}/building; make room there, then run again.",
    ),
    "publication": (
        ("shutil.rmtree", "publications/.draft.spill", "full:4000000"),  # of 4.7 MB
        "Not published; yesterday's file keeps serving. FATAL Error: Failed to create checkpoint because of "
        'error: Could not write file "{warehouse}/publications/.draft.duckdb": File too large',
    ),
}

# The most bytes of a file, MEMORY_LIMIT, and how ingestion ends what it says.
LITTLE_DISK = (100_000, "2GB", "File too large; make room in {incoming} or open it to this user")
LITTLE_MEMORY = (1 << 30, "1MB", "used); raise MEMORY_LIMIT (1MB)")


@pytest.fixture
def world(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, long: bool) -> Path:
    """Exports and a warehouse that has not yet published all of them."""
    known = runs.two_nights(tmp_path_factory) if long else undisturbed(tmp_path_factory)
    shutil.copytree(known, tmp_path / "world")
    if not long:
        corrected = sorted((tmp_path / "world" / "exports" / "follows").glob("*/part-*"))[0]
        corrected.write_text("".join(corrected.read_text().splitlines(keepends=True)[:-1]))
    return tmp_path / "world"


def fails(world: Path, words: list[str]) -> str:
    """What a run says that cannot be: one sentence; the published file stays as it is to the byte."""
    published = world / "warehouse" / "analytics.duckdb"
    before = published.read_bytes()
    outcome = run([*AS_ANYBODY, *words])
    assert outcome.returncode == 1, outcome.stdout + outcome.stderr
    assert "Traceback" not in outcome.stdout + outcome.stderr
    assert published.read_bytes() == before
    return " ".join(outcome.stderr.split())


def recovers(world: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The next run publishes what an undisturbed one does."""
    outcome = run(command(world / "exports", world / "warehouse", *CONFIRM))
    assert outcome.returncode == 4, outcome.stdout + outcome.stderr
    wanted = undisturbed(tmp_path_factory) / "warehouse" / "analytics.duckdb"
    assert tables(world / "warehouse" / "analytics.duckdb") == tables(wanted)


@contextmanager
def closed(folder: Path, mode: int) -> Iterator[None]:
    """A directory nobody may write to, or even read."""
    usual = folder.stat().st_mode
    folder.chmod(mode)
    try:
        yield
    finally:
        folder.chmod(usual)


def test_a_disk_that_is_full_at_any_stage_costs_a_night_and_nothing_else(
    world: Path, tmp_path_factory: pytest.TempPathFactory, tried: Tried, long: bool
) -> None:
    warehouse_dir = world / "warehouse"
    for stage in FULL if long else ["ingestion"]:
        step, sentence = FULL[stage]
        # Dagster's own files come to 4 MB: only a part that is larger is alone in not finding room.
        large = world / "exports" / "follows" / NIGHTS[2] / "part-9999.csv"
        if stage == "ingestion":
            large.write_bytes(b"id\n" * 2_000_000)
        said = fails(world, command(world / "exports", warehouse_dir, *CONFIRM, disturbed=step))
        assert said == sentence.format(warehouse=warehouse_dir)
        large.unlink(missing_ok=True)
        tried(PROMISE, f"disk full at {stage}", 1)
    if long:
        recovers(world, tmp_path_factory)


def test_a_build_that_could_not_be_written_to_its_end_is_no_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_DIR", str(tmp_path))
    config = settings()
    config.building_dir.mkdir()

    def build() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
        with duckdb.connect(str(config.building_file)) as connection:
            connection.execute("create table publication as select range from range(10_000)")

    assert in_a_child(build) == 0  # DuckDB says nothing
    dbt = SimpleNamespace(is_successful=lambda: True)
    with pytest.raises(dg.Failure, match="The build could not be written to its end in"):
        models._finish(config, dbt, whole=True)
    assert not config.warehouse_file.exists()


def ingest_with(house: House, most_bytes: int) -> str:
    """What a run says of a good part with so little disk, or memory: its action, or why it broke off."""
    said = house.settings.warehouse_dir / "said"
    said.parent.mkdir(exist_ok=True)

    def body() -> None:
        with said.open("w") as file:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
            try:
                file.write(house.ingest()[0].action)
            except ingest.NoRoomError as error:
                file.write(str(error))

    assert in_a_child(body) == 0
    return said.read_text()


@pytest.mark.parametrize(
    ("name", "most_bytes", "memory_limit", "hint"),
    [
        ("part-0000.csv", *LITTLE_DISK),
        ("part-0000.csv.gz", *LITTLE_DISK),
        ("part-0000.csv", *LITTLE_MEMORY),
        ("part-0000.jsonl", *LITTLE_MEMORY),
        ("part-0000.parquet", *LITTLE_MEMORY),
    ],
)
def test_a_good_part_is_never_refused_for_want_of_disk_or_memory(
    tmp_path: Path, name: str, most_bytes: int, memory_limit: str, hint: str
) -> None:
    scarce = House(tmp_path, "signal_actions", memory_limit=memory_limit)
    scarce.deliver("signal_actions", 1, [act(number) for number in range(2_000)], name)
    said = ingest_with(scarce, most_bytes)
    assert said.startswith("signal_actions 2026-03-01 could not be ingested, and what was published stays: ")
    assert said.endswith(hint.format(incoming=scarce.settings.incoming_dir) + ", then run again")
    assert len(said.splitlines()) == 1
    assert not list((scarce.settings.raw_dir / "signal_actions").glob("2026-*"))
    (outcome,) = House(tmp_path, "signal_actions", memory_limit="2GB").ingest()
    assert (outcome.action, outcome.rows, outcome.rejected) == ("accepted", 2_000, 0)


def test_a_good_part_refused_for_want_of_memory_would_be_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def whatever_happens(_copy: Path, say: Callable[[duckdb.Error], str]) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as error:
            raise refuse.RefusedError(say(error)) from error

    for module in (read, jsonl_source, parquet_source):
        monkeypatch.setattr(module, "refusing", whatever_happens)
    house = House(tmp_path, "signal_actions", memory_limit="10MB")
    house.deliver("signal_actions", 1, [act(number) for number in range(2_000)])
    assert ingest_with(house, 1 << 30) == "refused"


def test_a_directory_closed_to_the_run_is_named(
    world: Path, tmp_path_factory: pytest.TempPathFactory, tried: Tried, long: bool
) -> None:
    exports_dir, warehouse_dir = world / "exports", world / "warehouse"
    cases = [
        (exports_dir / "follows", 0o000, "exports/follows"),
        (warehouse_dir / "raw" / "follows", 0o555, "raw/follows"),
        (warehouse_dir / "incoming", 0o555, "warehouse/incoming"),
        (warehouse_dir / "dagster" / "history" / "runs", 0o555, "warehouse/dagster"),
        (warehouse_dir, 0o555, "world/warehouse"),
        (warehouse_dir / "publications", 0o555, "warehouse/publications"),
    ]
    for folder, mode, named in cases if long else cases[1:2]:
        # Were it empty, a run would make it anew.
        (warehouse_dir / "incoming" / "left").mkdir(parents=True, exist_ok=True)
        with closed(folder, mode):
            said = fails(world, command(exports_dir, warehouse_dir, *CONFIRM))
        assert named in said, said
        tried(PROMISE, f"{folder.relative_to(world)} closed", 1)
    if long:
        recovers(world, tmp_path_factory)


def test_a_disk_full_while_publishing_leaves_the_old_file(
    world: Path, monkeypatch: pytest.MonkeyPatch, tried: Tried, long: bool
) -> None:
    monkeypatch.setenv("WAREHOUSE_DIR", str(world / "warehouse"))
    config = settings()
    before = config.published_file.read_bytes()
    sealed = config.warehouse_file.stat().st_mtime_ns
    with duckdb.connect(str(config.warehouse_file)) as connection:
        connection.execute("update publication set run_id = 'the next'")
        connection.execute("update activity_point set points = points + 1")
    os.utime(config.warehouse_file, ns=(sealed, sealed))  # as if our own build had written it

    said = world / "said"

    def publish_within(limit: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        result = dg.materialize([analytics()], raise_on_error=False)
        if not result.success:
            (failed,) = (event for event in result.all_events if event.is_step_failure)
            said.write_text(failed.step_failure_data.user_failure_data.description)
            os._exit(7)

    draft = re.escape(str(config.publications_dir / ".draft.duckdb"))
    sentence = re.compile(
        r"Not published; yesterday's file keeps serving\.\n"
        rf'[^\n]*Could not write file "{draft}(\.wal)?": File too large'
    )
    old, failed = digest(config.published_file), 0
    for limit in range(100_000, len(before) + 100_000, 100_000 if long else 1_500_000):
        if (code := in_a_child(lambda limit=limit: publish_within(limit))) == 0:
            break
        assert code == 7
        assert sentence.fullmatch(said.read_text()), said.read_text()
        failed += 1
        assert config.published_file.read_bytes() == before
    assert failed >= 3
    publish(config, PUBLISHED)
    assert digest(config.published_file) != old
    tried(PROMISE, "disk full while publishing, ever a little later", failed)


def test_a_checkout_nobody_may_write_serves_once_it_is_prepared_and_else_says_so(
    tmp_path: Path, tried: Tried, long: bool
) -> None:
    checkout = copied_project(tmp_path / "checkout", "orchestration", "target")
    prepare = [*AS_ANYBODY, "env", f"PYTHONPATH={checkout}", *command(Path(), Path())[:1]]
    elsewhere = tmp_path / "nothing"
    elsewhere.mkdir()
    words = [*prepare, "run", "--exports-dir", str(elsewhere), "--warehouse-dir", str(tmp_path / "warehouse")]
    if long:
        with closed(checkout / "target", 0o555), closed(checkout, 0o555):
            prepared = run(words)
        assert "no complete night" in prepared.stderr, prepared.stdout + prepared.stderr
    (checkout / "target" / "code_version").unlink()
    with closed(checkout / "target", 0o555), closed(checkout, 0o555):
        unprepared = run(words)
    assert unprepared.returncode == 1
    said = " ".join(unprepared.stderr.split())
    assert f"Permission denied: '{checkout}/target/" in said, said
    assert "Traceback" not in said
    tried(PROMISE, "a checkout nobody may write to, unprepared", 1)
