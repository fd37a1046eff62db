"""The world in which speed is measured: as many acts as requested, decided by the real models, published."""

import shutil
from pathlib import Path

import duckdb
import pytest
from golden.world import golden_run

from bench.world import enlarge
from orchestration.settings import Settings

ACTS = 5000


def test_a_world_has_about_the_acts_asked_for_and_each_is_decided(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    golden = golden_run(tmp_path_factory)
    world = tmp_path / "world"
    (world / "dbt").mkdir(parents=True)
    for name in ("warehouse.duckdb", "dbt/manifest.json"):
        shutil.copy(golden.warehouse_dir / name, world / name)
    enlarge(Settings(world, world, world, 10, 0.01, 0.01, 1 << 30, publications_kept=1), ACTS)
    with duckdb.connect(str(world / "analytics.duckdb"), read_only=True) as connection:
        decided, awarded, points = connection.execute(
            "select count(*), count(*) filter (where is_awarded), sum(points) from activity_decision"
        ).fetchone()
        earned, from_acts = connection.execute(
            "select sum(points), count(*) from activity_point where reverses_activity_point_id is null"
        ).fetchone()
        rules = connection.execute("select count(distinct rule_id) from activity_point").fetchone()
    # In a small world many do the same thing to the same signal, which is delivered once.
    assert ACTS * 0.7 < decided < ACTS * 1.2
    assert (awarded, points) == (from_acts, earned)
    assert rules >= (8,)
