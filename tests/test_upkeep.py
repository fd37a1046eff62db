"""Status, rollback, prune, freshness and verify, as a person or a shell meets them."""

import datetime as dt
import fcntl
import json
import re
import shutil
from dataclasses import dataclass, replace
from io import StringIO
from operator import itemgetter
from pathlib import Path
from threading import Event, Thread
from time import sleep
from typing import Any

import dagster as dg
import duckdb
import pytest
from conftest import uid
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from golden.world import run_nightly
from odd_places import in_the_oddest_directory
from typer.testing import CliRunner

from orchestration.ask.status import status
from orchestration.assets.records import FRESHNESS, execute, in_process_and_recorded
from orchestration.build import last_run
from orchestration.build.compiled import compiled
from orchestration.build.manifest import manifest
from orchestration.build.publication import published_tables
from orchestration.build.working import is_published
from orchestration.cli import app
from orchestration.cli.console import console
from orchestration.lock import let_go
from orchestration.places import seal
from orchestration.raw.discover import nights_behind
from orchestration.raw.intake import require_rows
from orchestration.settings import PROJECT_DIR, Settings, UsageError, settings


@dataclass
class Outcome:
    """What a command said and how it ended."""

    returncode: int
    stdout: str
    stderr: str


def warehouse(*arguments: str | Path, warehouse_dir: Path) -> Outcome:
    """Call the command as the shell does, but in this process, which is much quicker."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("WAREHOUSE_DIR", str(warehouse_dir))
        environment.setenv("DAGSTER_HOME", "")
        environment.setattr(console, "file", StringIO())
        result = CliRunner().invoke(app, list(map(str, arguments)))
        let_go(settings())
        return Outcome(result.exit_code, console.file.getvalue(), result.stderr)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nights run once, with Dagster's records in the warehouse, as where nobody says where they lie."""
    odd = in_the_oddest_directory(tmp_path_factory)
    folder = tmp_path_factory.mktemp("upkeep")
    shutil.copytree(odd.exports_dir, folder / "exports")
    shutil.copytree(odd.warehouse_dir, folder / "warehouse")
    shutil.copytree(odd.dagster_home, folder / "warehouse" / "dagster")
    assert "nights behind what could be here by now" in odd.said
    return folder


@pytest.fixture
def copied(world: Path, tmp_path: Path) -> Path:
    """A copy of its warehouse, to do with as one likes."""
    return Path(shutil.copytree(world / "warehouse", tmp_path / "warehouse"))


def settings_for(warehouse_dir: Path) -> Settings:
    return replace(settings(), warehouse_dir=warehouse_dir, dagster_home=warehouse_dir / "dagster")


def published(file: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.sql(query).fetchall()


def test_status_says_what_is_published_and_how_the_last_run_ended(world: Path) -> None:
    outcome = warehouse("status", warehouse_dir=world / "warehouse")
    assert outcome.returncode == 0, outcome.stderr
    assert "Published: as of 2026-01-04T00:00:00 UTC (last day 2026-01-03)" in outcome.stdout
    assert "nights behind" in outcome.stdout
    assert "Missing: events: 2026-01-03\n" in outcome.stdout
    assert "Last run: SUCCESS, started 20" in outcome.stdout
    assert "Refused: events 2026-01-03: part-0000.csv disagrees" in outcome.stdout
    assert "holds the warehouse" not in outcome.stdout


def test_status_in_json_holds_the_same(world: Path) -> None:
    found = json.loads(warehouse("status", "--json", warehouse_dir=world / "warehouse").stdout)
    assert found["published"]["last day"] == "2026-01-03"
    assert found["published"]["nights missing"] == {"events": ["2026-01-03"], "track_votes": ["2026-01-03"]}
    assert found["last run"]["status"] == "SUCCESS"
    assert found["last run"]["seconds"] > 0
    assert found["bytes"]["published"] == (world / "warehouse" / "analytics.duckdb").stat().st_size
    assert all(size > 0 for size in found["bytes"].values())


def test_status_counts_the_hours_since_as_of(world: Path) -> None:
    config = settings_for(world / "warehouse")
    found = status(config, dt.datetime(2026, 1, 5, 13, 30, tzinfo=dt.UTC))
    # As of January 4, 00:00: one day and thirteen and a half hours ago. January 4 could be here by January 5.
    assert found["published"]["age in hours"] == 37.5
    assert found["published"]["nights behind"] == 1


def test_status_works_when_nothing_is_published_yet(tmp_path: Path) -> None:
    (tmp_path / "publications").mkdir()
    outcome = warehouse("status", warehouse_dir=tmp_path)
    assert outcome.returncode == 0, outcome.stderr
    assert "Nothing is published yet" in outcome.stdout
    assert "Last run" not in outcome.stdout
    assert [path.name for path in tmp_path.rglob("*")] == ["publications"]


@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("verify",),
        ("query", "select 1"),
        ("rollback",),
        ("prune", "--keep-days", "1"),
        ("what-if", PROJECT_DIR / "seeds"),
        ("forget", uid(1, 1)),
        ("run", "--exports-dir", "/nowhere"),
    ],
    ids=itemgetter(0),
)
def test_where_there_is_no_warehouse_none_is_made(tmp_path: Path, command: tuple[str | Path, ...]) -> None:
    outcome = warehouse(*command, warehouse_dir=tmp_path / "mistyped")
    assert outcome.returncode == 2
    assert re.search(r"there is no |nothing is published in .*mistyped", outcome.stderr)
    assert list(tmp_path.iterdir()) == []


def test_status_says_who_holds_the_warehouse_and_which_run_broke_off(copied: Path) -> None:
    config = settings_for(copied)
    last_run.begin(config, "killed")
    now = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
    assert status(config, now)["last run"]["status"] == "BROKEN OFF"
    with config.lock_file.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = status(config, now)
    assert found["another run holds the warehouse"]
    assert found["last run"]["status"] == "STARTED"


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        (None, "SUCCESS"),
        (ValueError("a step fails"), "FAILURE"),
        (dg.DagsterExecutionInterruptedError("somebody ends the run"), "CANCELED"),
    ],
    ids=["well", "badly", "by somebody"],
)
def test_a_run_records_how_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: Exception | None, status: str
) -> None:
    monkeypatch.setenv("WAREHOUSE_DIR", str(tmp_path))
    under_way = []

    @dg.op
    def step() -> None:
        under_way.append(last_run.how_it_went(settings(), running=True))
        if ending:
            raise ending

    @dg.job(executor_def=in_process_and_recorded)
    def job() -> None:
        step()

    with dg.DagsterInstance.ephemeral() as instance:
        run_id = execute(job, instance, {}).run_id
    ended = last_run.how_it_went(settings(), running=False)
    assert [(record["run"], record["status"]) for record in (*under_way, ended)] == [
        (run_id, "STARTED"), (run_id, status),
    ]  # fmt: skip
    assert ended["seconds"] >= 0
    # An earlier run that ends only now says nothing of this one.
    last_run.end(settings(), "an earlier run", "FAILURE")
    assert last_run.how_it_went(settings(), running=False) == ended


@pytest.mark.parametrize(
    "damaged", [b"", b"[]", b'{"run": "a run", "status": "SUCCESS", "started": "", "seconds": 1}', b"\xff"]
)
def test_a_damaged_record_of_the_last_run_is_none(copied: Path, damaged: bytes) -> None:
    (copied / "last_run.json").write_bytes(damaged)
    outcome = warehouse("status", warehouse_dir=copied)
    assert (outcome.returncode, "Last run" in outcome.stdout) == (0, False)


def test_a_record_that_cannot_be_written_breaks_no_run(tmp_path: Path) -> None:
    """What it said before would be wrong."""
    config = settings_for(tmp_path)
    last_run.begin(config, "a run")
    (tmp_path / ".last_run.json.new").mkdir()
    last_run.end(config, "a run", "SUCCESS")
    assert not config.last_run_file.exists()


def test_status_names_what_another_version_read_and_none_can_read_again(
    world: Path, copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPORTS_DIR", str(shutil.copytree(world / "exports", tmp_path / "exports")))
    assert "as an earlier version read it" not in warehouse("status", warehouse_dir=copied).stdout
    for night in ("2026-01-01", "2026-01-02"):
        shutil.rmtree(tmp_path / "exports" / "artist_bands" / night)
    assert "as an earlier version read it" not in warehouse("status", warehouse_dir=copied).stdout
    monkeypatch.setattr("orchestration.raw.read.READER", "a later one")
    outcome = warehouse("status", warehouse_dir=copied)
    assert (
        f"Not in {tmp_path / 'exports'} any more, so it stays as an earlier version read it: artist_bands: "
        "2 nights from 2026-01-01 to 2026-01-02\n"
    ) in outcome.stdout
    assert outcome.stdout.count("any more") == 1
    found = json.loads(warehouse("status", "--json", warehouse_dir=copied).stdout)
    assert found["read by an earlier version"] == {"artist_bands": ["2026-01-01", "2026-01-02"]}


def test_status_holds_out_while_files_come_and_go(world: Path, copied: Path) -> None:
    """As a run does all the time: nights and refusals are moved away and back between any two looks."""
    config = replace(settings_for(copied), exports_dir=world / "exports")
    refused = next(config.raw_dir.glob("*/*.refused"))
    moving = [refused, config.raw_dir / "tracks", config.raw_dir / "users"]
    ended = Event()

    def come_and_go() -> None:
        while not ended.is_set():
            for path in moving:
                away = path.rename(copied / "away")
                sleep(0.0005)
                away.rename(path)

    restless = Thread(target=come_and_go)
    restless.start()
    try:
        looks = [status(config, dt.datetime(2026, 1, 5, tzinfo=dt.UTC)) for _ in range(150)]
    finally:
        ended.set()
        restless.join()
    assert {bool(look["last refusals"]) for look in looks} == {True, False}
    assert len({look["bytes"]["raw"] for look in looks}) > 1


@pytest.mark.parametrize("left", [b"", b'{"nodes": {'])
def test_laws_are_compiled_while_a_build_is_writing_its_own(
    copied: Path, monkeypatch: pytest.MonkeyPatch, left: bytes
) -> None:
    (copied / "dbt" / "manifest.json").write_bytes(left)
    monkeypatch.setattr("orchestration.build.compiled.compile_now", lambda _: {"nodes": {}})
    assert compiled(settings_for(copied), lambda manifest: list(manifest["nodes"]), "a selection") == []


def test_status_of_a_damaged_file_is_one_sentence(copied: Path) -> None:
    file = copied / "analytics.duckdb"
    file.chmod(0o600)
    file.write_bytes(b"not a database")
    outcome = warehouse("status", warehouse_dir=copied)
    assert outcome.returncode == 1
    assert f'it could not be done: IO Error: The file "{file}" exists, but' in outcome.stderr


def plant(config: Settings, run_id: str, built_at: str, as_of_date: str = "2026-01-03") -> Path:
    """A further publication in the archive."""
    (standing, *_) = config.publications_dir.glob("2026-01-03-*.duckdb")
    draft = config.publications_dir / f"{as_of_date}-{run_id}.duckdb"
    draft.write_bytes(standing.read_bytes())
    with duckdb.connect(str(draft)) as connection:
        connection.execute(
            "update publication set run_id = $1, built_at = $2::timestamp, as_of_date = $3::date",
            [run_id, built_at, as_of_date],
        )
    seal(draft, dt.datetime.fromisoformat(built_at))
    return draft


def run_of(file: Path) -> str:
    return published(file, "select run_id from publication")[0][0]


def test_rollback_goes_back_one_publication_at_a_time_or_to_the_one_named(copied: Path) -> None:
    config = settings_for(copied)
    newest = run_of(config.published_file)
    plant(config, "older", "2026-01-02 03:15:00", "2026-01-01")
    plant(config, "old", "2026-01-03 03:15:00", "2026-01-02")
    for expected in ("old", "older"):
        outcome = warehouse("rollback", warehouse_dir=copied)
        assert outcome.returncode == 0, outcome.stderr
        assert "The next run publishes anew." in outcome.stdout
        assert run_of(config.published_file) == expected
        assert config.published_file.stat().st_mode & 0o777 == 0o440
    outcome = warehouse("rollback", warehouse_dir=copied)
    assert outcome.returncode == 2
    assert "there is no publication before the current one" in outcome.stderr
    assert warehouse("rollback", f"2026-01-03-{newest}.duckdb", warehouse_dir=copied).returncode == 0
    assert run_of(config.published_file) == newest


def test_a_damaged_publication_is_passed_over_and_told_of(
    copied: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = settings_for(copied)
    older = plant(config, "older", "2026-01-02 05:00:00")
    damaged = plant(config, "damaged", "2026-01-02 06:00:00")
    damaged.chmod(0o600)
    damaged.write_bytes(b"no database")
    outcome = warehouse("rollback", warehouse_dir=copied)
    assert (outcome.returncode, run_of(config.published_file)) == (0, run_of(older))
    assert f"passed over {damaged}" in caplog.text
    assert warehouse("prune", "--keep-days", "1", warehouse_dir=copied).returncode == 0
    assert warehouse("rollback", "2026-01-03-damaged", warehouse_dir=copied).returncode == 2
    assert damaged.exists()


def test_rollback_to_an_unknown_publication_lists_what_there_is(copied: Path) -> None:
    config = settings_for(copied)
    before = config.published_file.read_bytes()
    plant(config, "old", "2026-01-03 03:15:00")
    outcome = warehouse("rollback", "../analytics", warehouse_dir=copied)
    assert outcome.returncode == 2
    assert "there is no publication ../analytics" in outcome.stderr
    assert "2026-01-03-old" in outcome.stderr
    assert config.published_file.read_bytes() == before


def test_rollback_waits_for_no_run(copied: Path) -> None:
    config = settings_for(copied)
    before = config.published_file.read_bytes()
    plant(config, "old", "2026-01-03 03:15:00")
    with config.lock_file.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        outcomes = [
            warehouse("rollback", warehouse_dir=copied),
            warehouse("prune", "--keep-days", "1", warehouse_dir=copied),
        ]
    assert [outcome.returncode for outcome in outcomes] == [3, 3]
    assert config.published_file.read_bytes() == before


def test_after_a_rollback_the_next_run_publishes_anew(copied: Path) -> None:
    config = settings_for(copied)
    assert is_published(config)
    old = plant(config, "old", "2026-01-03 03:15:00")
    with duckdb.connect(str(old)) as connection:
        connection.execute("delete from row_account where night = date '2026-01-03'")
    seal(old, dt.datetime(2026, 1, 3, 3, 15))
    assert warehouse("rollback", warehouse_dir=copied).returncode == 0
    assert not is_published(config)


def test_nothing_can_be_rolled_back_or_pruned_before_anything_is_published(tmp_path: Path) -> None:
    for command in (("rollback",), ("prune", "--keep-days", "1"), ("verify",)):
        outcome = warehouse(*command, warehouse_dir=tmp_path)
        assert outcome.returncode == 2
        assert "nothing is published" in outcome.stderr


def rows_in_raw(warehouse_dir: Path, table: str, night: str) -> int:
    file = warehouse_dir / "raw" / table / night / "rows.parquet"
    return duckdb.execute("select count(*) from read_parquet($1)", [str(file)]).fetchone()[0]


def test_prune_shows_first_and_then_lets_go_of_what_nothing_needs(world: Path, copied: Path) -> None:
    config = settings_for(copied)
    plant(config, "older", "2026-01-01 03:15:00", "2026-01-01")
    plant(config, "late", "2026-01-04 03:15:00", "2026-01-03")
    arguments = ("prune", "--keep-days", "1")
    shown = warehouse(*arguments, "--dry-run", warehouse_dir=copied)
    assert shown.returncode == 0, shown.stderr
    # Of golden tables without history only this one came before January 2.
    assert "raw rows of sect_tags 2026-01-01\n" in shown.stdout
    assert "publication 2026-01-01-older\n" in shown.stdout
    assert "1 publications, the raw rows of 1 nights (one table each)" in shown.stdout
    assert rows_in_raw(copied, "sect_tags", "2026-01-01") == 6
    assert len(list(config.publications_dir.iterdir())) == 3

    done = warehouse(*arguments, warehouse_dir=copied)
    assert done.returncode == 0, done.stderr
    assert rows_in_raw(copied, "sect_tags", "2026-01-01") == 0
    assert rows_in_raw(copied, "sect_tags", "2026-01-02") == 4
    assert rows_in_raw(copied, "users", "2026-01-01") > 0
    assert len(list(config.publications_dir.iterdir())) == 2
    nothing = "0 publications, the raw rows of 0 nights (one table each)"
    assert nothing in warehouse(*arguments, warehouse_dir=copied).stdout

    # Built anew from what is left, with the same exports there: every published table is as it was.
    shutil.rmtree(config.publications_dir)
    config.warehouse_file.unlink()
    config.published_file.unlink()
    again = run_nightly(world / "exports", copied, confirm_departures=["2026-01-03"])
    assert again.success, again.message
    assert rows_in_raw(copied, "sect_tags", "2026-01-01") == 0
    before = world / "warehouse" / "analytics.duckdb"
    for table in sorted(set(published_tables(manifest()).values()) - {"publication"}):
        everything = f"from {table} order by all"
        assert published(config.published_file, everything) == published(before, everything), table
    # 4 rows, then one again as it was, one changed, one broken.
    assert published(
        config.published_file,
        """
        select rows_delivered, rows_accepted, rows_duplicate, rows_superseded, rows_rejected
        from row_account where table_name = 'sect_tags' and night = date '2026-01-01'
        """,
    ) == [(7, 4, 1, 1, 1)]

    # January 1 needs the rows that are gone.
    earlier = run_nightly(world / "exports", copied, as_of="2026-01-01")
    assert not earlier.success
    assert "2026-01-01 cannot be rebuilt: the rows of" in earlier.message
    assert "sect_tags 2026-01-01 were pruned" in earlier.message


def test_pruned_nights_that_are_read_again_can_be_built_upon(copied: Path) -> None:
    from orchestration.raw.account import known_parts

    assert warehouse("prune", "--keep-days", "1", warehouse_dir=copied).returncode == 0
    known = known_parts(settings_for(copied))
    first, second = dt.date(2026, 1, 1), dt.date(2026, 1, 2)
    require_rows(known, second, set())
    with pytest.raises(UsageError):
        require_rows(known, first, set())
    require_rows(known, first, {("sect_tags", first)})


def test_prune_forgets_old_runs_but_neither_the_last_nor_the_one_that_published(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration.assets.records import forget, runs_before

    @dg.job(name="nightly")
    def quick() -> None:
        pass

    config = settings_for(copied)
    monkeypatch.setenv("DAGSTER_HOME", str(config.dagster_home))
    with dg.DagsterInstance.get() as instance:
        (built,) = [run.run_id for run in instance.get_runs()]
        assert [(built,)] == published(copied / "analytics.duckdb", "select run_id from publication")
        old, last = (quick.execute_in_process(instance=instance).run_id for _ in range(2))
        now = dt.datetime.now(dt.UTC)
        assert runs_before(instance, now - dt.timedelta(days=30), built) == []
        found = runs_before(instance, now + dt.timedelta(days=1), built)
        assert found == [old]
        forget(instance, found)
        assert [run.run_id for run in instance.get_runs()] == [last, built]
    assert not [path for path in config.dagster_home.rglob("*") if old in path.name]


@pytest.mark.parametrize(
    ("last_day", "now", "behind"),
    [
        ("2026-01-03", "2026-01-04T00:00+00:00", 0),
        ("2026-01-03", "2026-01-04T23:59+00:00", 0),
        ("2026-01-03", "2026-01-05T00:00+00:00", 1),
        # In Auckland it is the 5th already; in UTC the 4th is not over.
        ("2026-01-03", "2026-01-05T10:00+13:00", 0),
        ("2024-02-28", "2024-03-01T06:15+00:00", 1),
        ("2026-01-03", "2026-01-02T00:00+00:00", 0),
    ],
)
def test_data_is_late_when_yesterday_is_missing(last_day: str, now: str, behind: int) -> None:
    exports_dir = Path("nowhere")
    assert (
        nights_behind(dt.date.fromisoformat(last_day), exports_dir, dt.datetime.fromisoformat(now)) == behind
    )


def test_the_publication_says_how_late_its_data_was_when_it_was_built(world: Path) -> None:
    ((built_at, behind),) = published(
        world / "warehouse" / "analytics.duckdb", "select built_at, nights_behind from publication"
    )
    assert behind == (built_at.date() - dt.date(2026, 1, 3)).days - 1


def test_late_data_is_warned_about_and_blocks_nothing(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestration.definitions import all_definitions

    monkeypatch.setenv("WAREHOUSE_DIR", str(world / "warehouse"))
    result = all_definitions().resolve_job_def(FRESHNESS).execute_in_process()
    (check,) = result.get_asset_check_evaluations()
    assert result.success
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.metadata["nights behind"].value > 300


def test_verify_names_the_law_and_shows_the_rows(copied: Path) -> None:
    good = warehouse("verify", warehouse_dir=copied)
    assert good.returncode == 0, good.stdout + good.stderr
    assert good.stdout.count("Law holds: ") == 4
    assert "Law found 1 rows (a warning): recurrence scores derive from engagement alone" in good.stdout
    file = copied / "analytics.duckdb"
    file.chmod(0o600)
    with duckdb.connect(str(file)) as connection:
        connection.execute("delete from user_activity where user_id = $1", [uid(1, 5)])
    outcome = warehouse("verify", file, warehouse_dir=copied)
    assert outcome.returncode == 1
    assert "Law found 1 rows: every total equals the sum of its parts" in outcome.stdout
    assert "user totals + departed" in outcome.stdout
    assert "1 laws do not hold" in " ".join(outcome.stderr.split())


def test_verify_keeps_to_the_memory_it_is_given(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMORY_LIMIT", "1MB")
    outcome = warehouse("verify", warehouse_dir=world / "warehouse")
    assert outcome.returncode == 1
    assert "Out of Memory Error" in outcome.stderr


def test_verify_needs_no_warehouse_behind_the_file(copied: Path, tmp_path: Path) -> None:
    alone = tmp_path / "elsewhere" / "analytics.duckdb"
    alone.parent.mkdir()
    shutil.copyfile(copied / "analytics.duckdb", alone)
    outcome = warehouse("verify", alone, warehouse_dir=tmp_path / "none")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert outcome.stdout.count("Law ") == 5


def test_verify_of_what_is_no_publication_is_one_sentence(copied: Path) -> None:
    outcome = warehouse("verify", copied / "dbt" / "manifest.json", warehouse_dir=copied)
    assert outcome.returncode == 1
    assert "cannot be read as a publication" in " ".join(outcome.stderr.split())
    assert "Traceback" not in outcome.stderr
    assert warehouse("verify", copied / "nowhere", warehouse_dir=copied).returncode == 2


OTHERS = "telemetry:\n  enabled: false\n# how another project wants its runs\n"


def test_the_dagster_home_of_another_project_keeps_its_configuration_and_its_runs(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration.assets.raw_tables import _forget_failures
    from orchestration.assets.records import runs_before
    from orchestration.assets.schedules import close_broken_off_runs
    from orchestration.build.archive import read_publication

    @dg.job(name="theirs")
    def theirs() -> None:
        pass

    @dg.job(name="nightly")
    def nightly() -> None:
        pass

    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text(OTHERS)
    config = replace(settings_for(copied), dagster_home=home)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("WAREHOUSE_DIR", str(copied))
    assert CliRunner().invoke(app, ["prune", "--keep-days", "1", "--dry-run"]).exit_code == 0
    let_go(settings())
    assert (home / "dagster.yaml").read_text() == OTHERS
    monkeypatch.setattr("orchestration.assets.schedules.STARTS_WITHIN", dt.timedelta(0))
    with dg.DagsterInstance.get() as instance:
        before = {
            instance.create_run_for_job(job, status=status, remote_job_origin=origin).run_id: job.name
            for job, origin in ((theirs, None), (nightly, launched_from("elsewhere")), (nightly, None))
            for status in (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE)
        }
        *others, broken_off, _failed = before
        close_broken_off_runs(instance, config)
        assert instance.get_run_by_id(broken_off).status == dg.DagsterRunStatus.FAILURE
        published_by = read_publication(config.published_file).run_id
        later = dt.datetime.now(dt.UTC) + dt.timedelta(days=8)
        assert set(runs_before(instance, later, published_by)) == {broken_off}
        _forget_failures(instance)
        assert {run.run_id for run in instance.get_runs()} == set(others)


def launched_from(location: str) -> RemoteJobOrigin:
    """As the UI and the schedules of a code location mark their runs."""
    target = LoadableTargetOrigin(executable_path=None, module_name=location)
    code = ManagedGrpcPythonEnvCodeLocationOrigin(target, location_name=location)
    return RemoteJobOrigin(RemoteRepositoryOrigin(code, "__repository__"), "nightly")


def test_our_own_configuration_of_dagster_follows_the_code(copied: Path) -> None:
    ours = (PROJECT_DIR / "orchestration" / "dagster.yaml").read_text()
    file = copied / "dagster" / "dagster.yaml"
    file.write_text(ours.partition("\n")[0] + "\n# an earlier one\n")
    assert warehouse("prune", "--keep-days", "1", "--dry-run", warehouse_dir=copied).returncode == 0
    assert file.read_text() == ours
