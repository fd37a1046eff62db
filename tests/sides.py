"""Exports, and beside them what differs on one side of the wall alone; what both sides show of it."""

import datetime as dt
import shutil
from collections.abc import Collection
from pathlib import Path

import duckdb
import numpy as np
from worlds import TABLES

from orchestration.build.wall import MAY_SEE, MUST_NOT_SEE
from orchestration.sample import SampleSize, write_sample

TINY = SampleSize(members=40, scenes=4, tracks=20, engagements=800, actions=200, nights=2, history_days=20)
# Nothing differs; every export of participation; every export of listening.
WORLDS = ("as it was", "other acts", "other ears")
DISTURBANCES = {
    "delete": "select * from delivered where hash(id) % 3 <> 0",
    "add": "from delivered union all select * replace (md5(id)::uuid::varchar as id) from delivered",
    "alter": "select * replace (lag({column}, 1, {column}) over (order by id) as {column}) from delivered",
    "duplicate": "from delivered union all from delivered",
    "re-time": "select * replace ({time} - interval 100 hour as {time}) from delivered",
}


def write_worlds(home: Path, seed: int) -> list[dt.date]:
    """Write the exports of the three worlds, each in a folder of its name; returns their nights."""
    undisturbed, acts, ears = (home / name for name in WORLDS)
    rng = np.random.default_rng(seed)
    nights = write_sample(undisturbed, TINY, seed=seed, formats=("parquet",))
    shutil.copytree(undisturbed, acts)
    shutil.copytree(undisturbed, ears)
    assert disturb(acts, TABLES.keys() - MAY_SEE["fair_play"] - {"users"}, rng) > 20
    # Not the rotation itself: one that holds a track twice is none, and would rightly not be published.
    listening = MUST_NOT_SEE["recognition"] - {"rotation_entries"}
    assert disturb(ears, listening, rng) > len(listening)
    # One that is sure to be heard: by chance, the others may be of what rotation does not look at.
    disturb(ears, ["track_engagements"], rng, ["delete"])
    return nights


def disturb(
    exports_dir: Path, tables: Collection[str], rng: np.random.Generator, ways: Collection[str] = DISTURBANCES
) -> int:
    """Change every part of these tables that was delivered, in one way or another; returns how many."""
    parts = [part for table in sorted(tables) for part in sorted(exports_dir.glob(f"{table}/*/part-*"))]
    for part in parts:
        table = TABLES[part.parent.parent.name]
        times = [column.name for column in table.columns if column.data_type == "timestamp"]
        others = [c.delivered for c in table.columns if c.name not in (*table.key, *times)]
        kinds = [kind for kind in ways if times or kind != "re-time"]
        kind = rng.choice(kinds)
        query = DISTURBANCES[kind].format(column=rng.choice(others), time=times[0] if times else "")
        with duckdb.connect() as connection:
            connection.execute(f"create table delivered as from '{part}'")
            connection.execute(f"copy ({query}) to '{part}' (format parquet)")
    return len(parts)


def require_apart(undisturbed: Path, acts: Path, ears: Path) -> None:
    """Rotation is the same where acts differ, and points are where listening does; each feels its own."""
    for table in ("rotation_recurrence", "track_engagement_day"):
        assert built(acts, table) == built(undisturbed, table) != []
    assert built(acts, "ledger") != built(undisturbed, "ledger")
    for table in ("activity_decision", "ledger", "activity_point", "activity_score"):
        assert built(ears, table) == built(undisturbed, table) != []
    assert built(ears, "track_engagement_day") != built(undisturbed, "track_engagement_day")


def built(warehouse_dir: Path, table: str) -> list[tuple[object, ...]]:
    """A table of a warehouse, published or not."""
    with duckdb.connect(str(warehouse_dir / "warehouse.duckdb"), read_only=True) as connection:
        return connection.sql(f"from {table} order by all").fetchall()
