"""The sample on a standalone cluster that loses a worker while it builds: the same rows as DuckDB's."""

import shutil
import time
import warnings
from pathlib import Path

import pytest
from spark_cluster import HOST, Cluster
from spark_project import differing, differing_files, is_missing, start

from orchestration.sample import write_sample
from orchestration.settings import PROJECT_DIR

MISSING = is_missing()
TABLES_BEFORE = 60

pytestmark = [pytest.mark.long, pytest.mark.skipif(bool(MISSING), reason=MISSING)]
if MISSING:
    warnings.warn(f"THE CLUSTER WAS NOT TRIED. {MISSING}", stacklevel=1)


def test_a_cluster_that_loses_a_worker_publishes_the_same_rows(tmp_path: Path) -> None:
    """20,000 engagements under the policy in force; the worker goes when some tables are made."""
    write_sample(tmp_path / "exports")
    on_duckdb = start(PROJECT_DIR, tmp_path / "duckdb", "duckdb", tmp_path / "exports")
    said, _ = on_duckdb.communicate()
    assert on_duckdb.returncode in (0, 4), said
    shutil.copytree(tmp_path / "duckdb", tmp_path / "spark")
    with Cluster(tmp_path / "cluster") as cluster:
        on_spark = start(
            PROJECT_DIR, tmp_path / "spark", "spark", tmp_path / "exports",
            SPARK_MASTER=cluster.url, SPARK_LOCAL_IP=HOST,
        )  # fmt: skip
        made = tmp_path / "spark" / "building" / "spark" / "main.db"
        while not made.exists() or len(list(made.iterdir())) < TABLES_BEFORE:
            assert on_spark.poll() is None, on_spark.communicate()
            time.sleep(0.5)
        cluster.kill_worker()
        said, _ = on_spark.communicate()
        assert on_spark.returncode == on_duckdb.returncode, said
        log = cluster.log.read_text()
    assert "Registered app" in log
    assert "Removing worker" in log
    files = [tmp_path / engine / "analytics.duckdb" for engine in ("duckdb", "spark")]
    assert differing(*files) == {}
    assert differing_files(tmp_path / "duckdb", tmp_path / "spark") == {}
