"""`warehouse run` as a person or a shell sees it: exit codes, messages, the summary, the published file."""

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
from golden.world import undisturbed, warehouse

from orchestration.build.manifest import manifest
from orchestration.build.publication import publish, published_tables
from orchestration.cli.run import _verdict
from orchestration.sample import SMALLEST, SampleSize, write_sample
from orchestration.settings import Settings

SIZE = SampleSize(members=60, scenes=4, tracks=20, engagements=600, actions=120, nights=2, history_days=5)
DAYS = ("2026-01-17", "2026-01-18")


def run(exports_dir: Path, warehouse_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return warehouse("run", "--exports-dir", exports_dir, "--warehouse-dir", warehouse_dir, *arguments)


def checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Exports of two nights, and what came of running them once."""
    folder = tmp_path_factory.mktemp("world")
    write_sample(folder / "exports", SIZE)
    first = run(folder / "exports", folder / "warehouse")
    (folder / "said").write_text(first.stdout)
    assert first.returncode == 0, first.stdout + first.stderr
    return folder


@pytest.fixture
def published(world: Path) -> duckdb.DuckDBPyConnection:
    with duckdb.connect(str(world / "warehouse" / "analytics.duckdb"), read_only=True) as connection:
        yield connection


def test_the_summary_says_what_the_published_file_holds(
    world: Path, published: duckdb.DuckDBPyConnection
) -> None:
    said = (world / "said").read_text()
    words = [line.split() for line in said.splitlines()]
    assert "2 nights read, as of 2026-01-19 00:00:00 UTC (last day 2026-01-18)." in said
    assert "behind" not in said, "the sample is as old as it is meant to be"
    assert published.sql("select nights_behind from publication").fetchall() == [(0,)]
    rows = published.sql(
        """
        select table_name, count(distinct night), sum(rows_delivered), sum(rows_accepted),
            sum(rows_duplicate), sum(rows_superseded), sum(rows_rejected)
        from row_account group by table_name
        """
    ).fetchall()
    assert len(rows) == 30
    assert all([str(row[0]), *(f"{int(n):,}" for n in row[1:])] in words for row in rows)
    points = published.sql(
        """
        select activity_type, count(*) filter (where reverses_activity_point_id is null), sum(points)
        from activity_point group by activity_type
        """
    ).fetchall()
    assert len(points) >= 3
    assert all([kind, f"{awards:,}", f"{int(total):,}"] in words for kind, awards, total in points)
    assert said.count("Law holds:") == 8
    assert str(world / "warehouse" / "analytics.duckdb") in said


def test_the_query_it_suggests_runs(world: Path, published: duckdb.DuckDBPyConnection) -> None:
    said = (world / "said").read_text()
    suggestion = next(line for line in said.splitlines() if line.startswith("Try: "))
    assert len(published.sql(suggestion.split('"')[1]).fetchall()) >= 4


@pytest.mark.parametrize(
    ("passed", "severity", "since", "said"),
    [
        (True, "ERROR", None, "holds"),
        (True, "ERROR", "a run", "holds since run a run"),
        (False, "ERROR", None, "does not hold"),
        (False, "WARN", None, "found something (a warning)"),
        (False, "WARN", "a run", "found something (a warning), as in run a run"),
    ],
)
def test_how_a_law_stands_says_since_which_run_whether_it_holds_or_found_something(
    passed: bool, severity: str, since: str | None, said: str
) -> None:
    import dagster as dg

    looked = dg.AssetCheckEvaluation(
        dg.AssetKey("ledger"), "a_law", passed, severity=dg.AssetCheckSeverity[severity],
        metadata={"holds since run": dg.MetadataValue.dagster_run(since)} if since else {},
    )  # fmt: skip
    assert _verdict(SimpleNamespace(evaluation=looked)) == said


def test_a_run_of_dagster_with_nothing_new_leaves_the_file_and_says_in_the_ui_since_when_it_holds(
    world: Path, published: duckdb.DuckDBPyConnection
) -> None:
    import dagster as dg

    from orchestration.assets.raw_tables import raw_key
    from orchestration.build.manifest import export_tables
    from orchestration.definitions import all_definitions

    graph = all_definitions().resolve_asset_graph()
    # Of what was never delivered there is no night.
    delivered = {folder.name for folder in (world / "exports").iterdir()}
    unread = {raw_key(table) for table in export_tables().keys() - delivered}
    (since,) = published.sql("select run_id from publication").fetchone()

    def shown() -> tuple[dict[dg.AssetKey, float], dict[str, tuple[str, str | None]]]:
        """When each asset was last made; of each check, how it stands and since which run it says so."""
        with dg.DagsterInstance.from_config(str(world / "warehouse" / "dagster")) as instance:
            made = {
                key: instance.get_latest_materialization_event(key).timestamp
                for key in graph.materializable_asset_keys - unread
            }
            keys = sorted(graph.asset_check_keys, key=str)
            looked = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
        said = {key.name: record.evaluation.metadata.get("holds since run") for key, record in looked.items()}
        return made, {
            key.name: (record.status.value, said[key.name] and said[key.name].value)
            for key, record in looked.items()
        }

    with dg.DagsterInstance.from_config(str(world / "warehouse" / "dagster")) as instance:
        assert instance.get_run_by_id(since).is_success
    made, _ = shown()
    file, archive = world / "warehouse" / "analytics.duckdb", world / "warehouse" / "publications"
    before, archived = checksum(file), sorted(archive.iterdir())
    # As after a run that broke off when it had published and not yet deleted the folder before.
    product = world / "warehouse" / "product"
    (folder,) = product.glob("*/")
    shutil.copytree(folder, folder.with_name("2025-12-31-before"))
    again = run(world / "exports", world / "warehouse", "--rehash")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "nothing new" in again.stdout
    assert (checksum(file), sorted(archive.iterdir())) == (before, archived)
    assert list(product.glob("*/")) == [folder]
    assert again.stdout.count(f"Law holds since run {since}: ") == 8
    still_made, checks = shown()
    assert still_made == made
    for looked_at_again in ("data_is_as_fresh_as_expected", "shows_what_is_published"):
        assert checks.pop(looked_at_again) == ("SUCCEEDED", None)
    assert set(checks.values()) == {("SUCCEEDED", since)}


def test_the_published_file_is_read_only_and_holds_described_public_tables(
    world: Path, published: duckdb.DuckDBPyConnection
) -> None:
    file = world / "warehouse" / "analytics.duckdb"
    assert file.stat().st_mode & 0o777 == 0o440
    tables = published.sql("select table_name, comment from duckdb_tables()").fetchall()
    assert len(tables) == 33
    assert all(comment and comment.startswith("One row") for _, comment in tables)
    undescribed = published.sql(
        "select count(*) from duckdb_columns() where comment is null and not internal"
    )
    assert undescribed.fetchone() == (0,)
    nullable = published.sql(
        "select is_nullable from duckdb_columns() where table_name = 'activity_point' order by column_index"
    ).fetchall()
    assert [row[0] for row in nullable] == [
        False, True, True, False, False, False, False, False, False, False, False, False, True, False, True,
    ]  # fmt: skip


def test_an_earlier_night_can_be_rebuilt_and_the_latest_again(world: Path, tmp_path: Path) -> None:
    copy = tmp_path / "warehouse"
    shutil.copytree(world / "warehouse", copy)
    earlier = run(world / "exports", copy, "--as-of", DAYS[0])
    assert earlier.returncode == 0, earlier.stdout + earlier.stderr
    assert "1 nights read, as of 2026-01-18 00:00:00 UTC" in earlier.stdout
    with duckdb.connect(str(copy / "analytics.duckdb"), read_only=True) as connection:
        late = connection.sql("select count(*) from activity_point where occurred_on > date '2026-01-17'")
        assert late.fetchone() == (0,)


def test_a_refused_delivery_is_published_around_and_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The golden nights hold one; that run ended with exit code 4."""
    said = " ".join((undisturbed(tmp_path_factory) / "said").read_text().split())
    reason = "part-0000.csv disagrees with _manifest.json: rows is 4, not 5"
    assert f"Refused: events 2026-01-03: {reason}" in said
    assert "Not delivered or refused: events: 2026-01-03." in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--as-of", "2026-01-30"), "2026-01-30 is not complete"),
        (("--as-of", "yesterday"), "Invalid value for '--as-of'"),
        (("--night", "2026-13-01"), "Invalid value for '--night'"),
    ],
)
def test_what_cannot_be_asked_for_is_wrong_usage(
    world: Path, arguments: tuple[str, ...], message: str
) -> None:
    outcome = run(world / "exports", world / "warehouse", *arguments)
    assert outcome.returncode == 2
    assert message in outcome.stderr
    assert "Traceback" not in outcome.stdout + outcome.stderr


def test_a_missing_exports_directory_is_wrong_usage(tmp_path: Path) -> None:
    outcome = run(tmp_path / "nowhere", tmp_path / "warehouse")
    assert outcome.returncode == 2
    assert "there is no directory" in outcome.stderr


def test_without_a_complete_night_nothing_is_published(tmp_path: Path) -> None:
    write_sample(tmp_path / "exports", SMALLEST)
    shutil.rmtree(tmp_path / "exports" / "users")
    outcome = run(tmp_path / "exports", tmp_path / "warehouse")
    assert outcome.returncode == 1
    assert "no complete night" in outcome.stderr
    assert "users" in outcome.stderr
    assert not (tmp_path / "warehouse" / "analytics.duckdb").exists()


def test_a_second_run_at_the_same_time_steps_back(world: Path) -> None:
    before = checksum(world / "warehouse" / "analytics.duckdb")
    with (world / "warehouse" / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        outcome = run(world / "exports", world / "warehouse")
    assert outcome.returncode == 3
    assert "another run" in outcome.stderr
    assert checksum(world / "warehouse" / "analytics.duckdb") == before


def test_only_the_last_publications_are_kept(world: Path, tmp_path: Path) -> None:
    shutil.copy(world / "warehouse" / "warehouse.duckdb", tmp_path)
    config = Settings(tmp_path, tmp_path, tmp_path, 10, 0.01, 0.01, 1 << 30, publications_kept=2)
    for run_id in ("first", "second", "third"):
        with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
            connection.execute(
                "update publication set run_id = $1, built_at = built_at + interval 1 hour", [run_id]
            )
        publish(config, list(published_tables(manifest()).values()))
    kept = {path.name for path in config.publications_dir.iterdir()}
    assert kept == {f"{DAYS[1]}-second.duckdb", f"{DAYS[1]}-third.duckdb"}


def test_the_run_is_recorded_where_the_ui_looks(world: Path) -> None:
    import dagster as dg

    from orchestration.definitions import all_definitions

    with dg.DagsterInstance.from_config(str(world / "warehouse" / "dagster")) as instance:
        runs = instance.get_runs()
    assert {run.job_name for run in runs} == {"nightly"}
    assert dg.DagsterRunStatus.SUCCESS in {run.status for run in runs}
    # The UI shows the runs of a job only where they belong to its code location.
    origins = {
        (r.remote_job_origin.location_name, r.remote_job_origin.repository_origin.repository_name)
        for r in runs
    }
    assert origins == {("orchestration.definitions", all_definitions().get_repository_def().name)}
