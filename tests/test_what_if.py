"""What if: a proposed policy is replayed by the models that really score."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from conftest import Run
from policies import first_policy
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.policy.checks import POINT_RULES, SEEDS_DIR
from orchestration.policy.what_if import NotRecordedError, replay
from orchestration.settings import Settings

SUPPORT = "1,support,support,10,false,,50,,,1970-01-01,,Supporting a signal\n"


@pytest.fixture
def candidate(tmp_path: Path) -> Path:
    """A policy without problems, to be changed."""
    return first_policy(tmp_path)


def change(candidate: Path, name: str, old: str, new: str) -> None:
    """Change one place of a candidate."""
    text = (candidate / name).read_text()
    assert text.count(old) == 1
    (candidate / name).write_text(text.replace(old, new))


def replayed(golden: Run, candidate: Path, memory_limit: str = "2GB") -> duckdb.DuckDBPyConnection:
    """The golden nights under a candidate's policy, in the database `warehouse`."""
    connection = duckdb.connect()
    folder = golden.warehouse_dir
    config = Settings(folder, folder, folder, 10, 0.01, 0.01, 1 << 30, 1, memory_limit=memory_limit)
    replay(config, candidate, connection)
    return connection


def test_a_replay_keeps_to_the_memory_it_is_given(golden: Run) -> None:
    with replayed(golden, SEEDS_DIR, "300MB") as connection:
        # 300 million bytes.
        assert connection.sql("select current_setting('memory_limit')").fetchone() == ("286.1 MiB",)


@pytest.mark.parametrize("table", ["act", "decision", "ledger", "activity_score"])
def test_what_if_nothing_changed_nothing_changes(golden: Run, table: str) -> None:
    before = hashlib.sha256(golden.published_file.read_bytes()).hexdigest()
    with replayed(golden, SEEDS_DIR) as connection:
        assert connection.sql(f"from warehouse.main.{table} limit 1").fetchall()
        for one, other in (("built", "warehouse"), ("warehouse", "built")):
            # By name: dbt casts and orders the columns of a contract, the replay leaves them as they come.
            columns = ", ".join(
                f'"{row[0]}"' for row in connection.sql(f"describe built.main.{table}").fetchall()
            )
            assert (
                connection.sql(
                    f"select {columns} from {one}.main.{table} "  # noqa: S608
                    f"except all select {columns} from {other}.main.{table}"
                ).fetchall()
                == []
            )
    assert hashlib.sha256(golden.published_file.read_bytes()).hexdigest() == before


def test_what_if_a_support_were_worth_twice(golden: Run, candidate: Path) -> None:
    """Of Dan's six on one day 20, 20, and the 10 that are left under 50; Ben's is of his own signal."""
    change(candidate, POINT_RULES, SUPPORT, SUPPORT.replace("10", "20"))
    with replayed(golden, candidate) as connection:
        assert connection.sql(
            "select points from warehouse.main.ledger where rule_id = 'support' order by occurred_at"
        ).fetchall() == [(20,), (20,), (10,)]
        assert connection.sql("select sum(points) from warehouse.main.ledger").fetchone() == (955,)


def copied(golden: Run, tmp_path: Path) -> Run:
    """What `what-if` reads of the golden nights, to do with as one likes."""
    (tmp_path / "dbt").mkdir()
    for name in ("warehouse.duckdb", "dbt/manifest.json"):
        shutil.copyfile(golden.warehouse_dir / name, tmp_path / name)
    return replace(golden, warehouse_dir=tmp_path)


def test_what_the_last_build_left_without_sql_is_compiled(golden: Run, tmp_path: Path) -> None:
    copy = copied(golden, tmp_path)
    manifest_file = tmp_path / "dbt" / "manifest.json"
    manifest = json.loads(manifest_file.read_bytes())
    for node in manifest["nodes"].values():
        node["compiled_code"] = None
    manifest_file.write_text(json.dumps(manifest))
    with replayed(copy, SEEDS_DIR) as connection:
        assert connection.sql("select sum(points) from warehouse.main.ledger").fetchone() == (955,)


def test_a_part_of_a_build_is_not_replayed(golden: Run, tmp_path: Path) -> None:
    copy = copied(golden, tmp_path)
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("drop table publication")
    with pytest.raises(NotRecordedError, match="only a part is built"):
        replayed(copy, SEEDS_DIR)


def test_the_command_lists_what_is_wrong_with_a_candidate(golden: Run, candidate: Path) -> None:
    change(candidate, POINT_RULES, "support,support,10,", "support,support,ten,")
    outcome = CliRunner().invoke(
        app, ["what-if", str(candidate), "--warehouse-dir", str(golden.warehouse_dir)]
    )
    assert outcome.exit_code == 2
    assert "support,support" not in outcome.output
    assert f"{POINT_RULES} line" in outcome.output
