"""The golden nights on Spark: what is published, and the product's Parquet, equals DuckDB's row by row."""

import os
import shutil
import subprocess
import sys
import time
import warnings
from pathlib import Path

import duckdb
import pytest
from golden.world import made_once
from spark_project import (
    FOR_FEW_ROWS,
    build,
    differing,
    differing_files,
    fading_project,
    is_missing,
    start,
    stop,
    tables,
)
from worlds import directories

from orchestration.build import spark
from orchestration.build.working import start_from
from orchestration.lock import WarehouseBusyError
from orchestration.settings import HinderedError, UsageError, settings

MISSING = is_missing()
if MISSING:
    warnings.warn(f"THE SECOND ENGINE WAS NOT TRIED. {MISSING}", stacklevel=1)
on_spark = pytest.mark.skipif(bool(MISSING), reason=MISSING)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The golden nights built by DuckDB in `duckdb`, and in a copy of that warehouse by Spark in `spark`."""

    def make(folder: Path) -> None:
        project = fading_project(folder / "project")
        build(project, folder / "duckdb", "duckdb")
        shutil.copytree(folder / "duckdb", folder / "spark")
        build(project, folder / "spark", "spark", **FOR_FEW_ROWS)

    return made_once(tmp_path_factory, "both-engines", make)


def published(warehouse_dir: Path, query: str) -> object:
    with duckdb.connect(str(warehouse_dir / "analytics.duckdb"), read_only=True) as connection:
        return connection.sql(query).fetchall()


@on_spark
def test_both_engines_publish_the_same_rows_under_a_policy_that_fades(both: Path) -> None:
    files = [both / engine / "analytics.duckdb" for engine in ("duckdb", "spark")]
    assert len(tables(files[0])) > 30
    assert differing(*files) == {}
    faded = "select count(*) > 0 from activity_score where decayed_score > 0 and season_points is not null"
    assert published(both / "spark", faded) == [(True,)]


@on_spark
def test_both_engines_write_the_same_files_for_the_product(both: Path) -> None:
    assert differing_files(both / "duckdb", both / "spark") == {}


@on_spark
def test_the_publication_says_which_engine_built_it(both: Path) -> None:
    for engine in ("duckdb", "spark"):
        assert published(both / engine, "select engine from publication") == [(engine,)]


@on_spark
def test_nothing_of_spark_is_left_beside_the_publication(both: Path) -> None:
    assert not (both / "spark" / "building").exists()
    left = {path.name for path in (both / "spark").iterdir()}
    assert left <= {path.name for path in (both / "duckdb").iterdir()}


@on_spark
@pytest.mark.parametrize(
    "change",
    [
        "update activity_score set decayed_score = decayed_score + 1e-12 where points_on_day > 0",
        "delete from scope where tier = 'city'",
        "insert into activity_point from activity_point limit 1",
        "alter table activity_score drop column decayed_score",
    ],
)
def test_a_planted_difference_is_noticed(both: Path, tmp_path: Path, change: str) -> None:
    planted = shutil.copyfile(both / "duckdb" / "analytics.duckdb", tmp_path / "analytics.duckdb")
    with duckdb.connect(str(planted)) as connection:
        connection.execute(change)
    (found,) = differing(both / "duckdb" / "analytics.duckdb", planted)
    assert found in change


@on_spark
def test_a_build_on_spark_that_dies_leaves_what_was_published(both: Path, tmp_path: Path) -> None:
    warehouse_dir = shutil.copytree(both / "duckdb", tmp_path / "warehouse")
    before = (warehouse_dir / "analytics.duckdb").read_bytes()
    process = start(both / "project", warehouse_dir, "spark", **FOR_FEW_ROWS)
    first_table = warehouse_dir / "building" / "spark" / "main.db"
    while not first_table.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.2)
    stop(int((warehouse_dir / "building" / "spark.pid").read_text()))
    said, _ = process.communicate()
    assert process.returncode == 1
    assert "killed" in said
    assert (warehouse_dir / "analytics.duckdb").read_bytes() == before
    # Nothing of it is taken for a build: the next run builds and publishes anew.
    build(both / "project", warehouse_dir, "duckdb")
    assert differing(both / "duckdb" / "analytics.duckdb", warehouse_dir / "analytics.duckdb") == {}
    assert not (warehouse_dir / "building").exists()


def test_a_run_waits_until_the_process_of_a_killed_one_has_ended(tmp_path: Path) -> None:
    """Such a process goes on for a while, and would write among the tables of the next run."""
    config = directories(tmp_path)
    config.building_dir.mkdir(parents=True)
    at_work = subprocess.Popen(["/bin/sleep", "60"], cwd=config.warehouse_dir)
    config.spark_process.write_text(str(at_work.pid))
    with pytest.raises(WarehouseBusyError, match="still at work"):
        start_from(config)
    assert config.building_dir.exists()
    at_work.kill()
    at_work.wait()
    start_from(config)
    assert list(config.building_dir.iterdir()) == []


def test_a_number_that_now_is_another_process_holds_up_nobody(tmp_path: Path) -> None:
    config = directories(tmp_path)
    config.building_dir.mkdir(parents=True)
    config.spark_process.write_text(str(os.getpid()))  # which was started elsewhere
    start_from(config)
    assert list(config.building_dir.iterdir()) == []


@pytest.fixture
def without_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(spark, "EXTRA", ())
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("without_java")
def test_without_java_it_says_what_to_install() -> None:
    with pytest.raises(HinderedError, match=r"needs Java 17 or newer, and there is none here; install it"):
        spark.require(settings())


def test_a_java_that_is_too_old_is_named(without_java: Path) -> None:
    java = without_java / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    java.chmod(0o755)
    with pytest.raises(HinderedError, match=r'java is openjdk version "11\.0\.2"'):
        spark.require(settings())


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark, "EXTRA", ("no_such_module.at_all",))
    with pytest.raises(HinderedError, match=r"pip install '\.\[spark\]'"):
        spark.require(settings())


@pytest.mark.parametrize(
    ("limit", "memory"), [("2GB", "2048m"), ("1.5 GiB", "1536m"), ("300MB", "512m"), ("1TB", "1048576m")]
)
def test_the_memory_of_the_driver_is_the_limit(
    limit: str, memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMORY_LIMIT", limit)
    assert f"--driver-memory {memory} " in spark.environment(settings())["PYSPARK_SUBMIT_ARGS"]


@pytest.mark.parametrize(
    "master", ["local[2]", "spark://127.0.0.1:7077", "yarn", "k8s://https://127.0.0.1:1"]
)
def test_spark_submit_is_told_the_master_as_it_stands(master: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_MASTER", master)
    assert spark.environment(settings())["PYSPARK_SUBMIT_ARGS"].startswith("--master ")
    assert master in spark.environment(settings())["PYSPARK_SUBMIT_ARGS"]


def test_an_engine_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE", "flink")
    with pytest.raises(UsageError, match="write duckdb or spark"):
        settings()


def test_a_build_by_duckdb_does_not_load_what_spark_needs() -> None:
    loaded = "import sys, orchestration.definitions; print('orchestration.build.spark' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)  # noqa: S603
    assert said.stdout.strip() == "False"
