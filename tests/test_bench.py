"""The world in which speed is measured: as many acts as requested, decided by the real models, published."""

import shutil
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from golden.world import golden_run

from bench.peers.beside import require_published
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


SCENE = "00000000-0000-0000-0000-00000000000a"
MADE = {
    "ledger": {"rule_id": "blast", "user_id": SCENE, "scene_id": SCENE, "points": 5, "is_reversal": False},
    "score": {"tier": "city", "scope": SCENE, "points_all_time": 5},
    "metrics": {"tier": "city", "scope": SCENE, "window_days": 7, "metric": "listens", "value": 12},
}


def _published(folder: Path) -> Path:
    """An award of five points in one scene, its score on the day, a metric told and one withheld."""
    file = folder / "analytics.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"""
            create table scope as
            select '{SCENE}'::uuid as scope_id, 'city' as tier, '{SCENE}'::uuid as scene_id,
                null::varchar as state, null::varchar as music_community;
            create table activity_point as
            select 'blast' as rule_id, '{SCENE}'::uuid as user_id, '{SCENE}'::uuid as scene_id,
                timestamp '2026-01-01' as occurred_at, 5 as points, null::uuid as reverses_activity_point_id;
            create table activity_score as
            select 'city' as tier, '{SCENE}'::uuid as scope_id, date '2026-01-01' as as_of_date,
                5 as points_on_day, 5 as points_7d, 5 as points_30d, 5 as points_90d,
                5 as points_all_time, 1 as members, 1 as contributors_30d;
            create table analytics_summary as
            select 'city' as tier, '{SCENE}'::uuid as scope_id, 7 as window_days, 'scene' as subject_type,
                unnest(['listens', 'skips']) as metric, unnest([12.0, null]) as value,
                unnest([false, true]) as is_suppressed;
        """)
    return file


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [(None, None, None), ("ledger", "points", 4), ("score", "points_all_time", 6), ("metrics", "value", 11)],
)
def test_numbers_made_by_other_means_count_only_if_they_are_those_published(
    tmp_path: Path, table: str | None, column: str | None, value: int | None
) -> None:
    windows = dict.fromkeys(("points_on_day", "points_7d", "points_30d", "points_90d"), 5)
    rows = {name: dict(row) for name, row in MADE.items()}
    rows["ledger"]["occurred_at"] = pd.Timestamp("2026-01-01")
    rows["score"] |= windows | {"as_of_date": "2026-01-01", "members": 1, "contributors_30d": 1}
    if table:
        rows[table][column] = value
    made = {name: pd.DataFrame([row]) for name, row in rows.items()}
    published = _published(tmp_path)
    if table is None:
        require_published(published, made)
    else:
        with pytest.raises(AssertionError, match=f"the {table} differs"):
            require_published(published, made)
