"""How a warehouse stands: what is published and how old it is, the last run, refusals, sizes."""

import datetime as dt
from contextlib import suppress
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb

from orchestration.lock import is_held
from orchestration.records import NIGHTLY, own_runs
from orchestration.settings import Settings
from orchestration.summary import nights_behind, nights_missing
from orchestration.upkeep.archive import Publication, current

REFUSALS_SHOWN = 5
UNFINISHED = {dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING}


def status(config: Settings, now: dt.datetime) -> dict[str, Any]:
    """Everything `warehouse status` shows, as values that JSON can hold.

    Raises:
        duckdb.Error: the published file cannot be read.
    """
    running, published = is_held(config), current(config)
    return {
        "warehouse": str(config.warehouse_dir),
        "published": published and _of(published, now),
        "another run holds the warehouse": running,
        # Dagster would make its home.
        "last run": _last_run(running=running) if config.dagster_home.is_dir() else None,
        "last refusals": _last_refusals(config.raw_dir),
        "bytes": sizes(config),
    }


def sizes(config: Settings) -> dict[str, int]:
    """Bytes of each thing a warehouse keeps."""
    return {
        "raw": _size(config.raw_dir),
        "warehouse": _size(config.warehouse_file) + _size(config.building_dir),
        "published": _size(config.published_file),
        "publications": _size(config.publications_dir),
        "dagster": _size(config.dagster_home),
    }


def _of(published: Publication, now: dt.datetime) -> dict[str, Any]:
    return {
        "as of": published.as_of.isoformat(),
        "last day": published.as_of_date.isoformat(),
        "age in hours": round((now - published.as_of.replace(tzinfo=dt.UTC)) / dt.timedelta(hours=1), 1),
        "nights behind": nights_behind(published.as_of_date, now),
        "nights missing": nights_missing(published.nights_missing),
        "run": published.run_id,
    }


def _last_run(*, running: bool) -> dict[str, Any] | None:
    with dg.DagsterInstance.get() as instance:
        records = own_runs(instance, job_name=NIGHTLY)
    if not records:
        return None
    record = records[0]
    ended = record.dagster_run.status.value
    if record.dagster_run.status in UNFINISHED and not running:
        ended = "BROKEN OFF"  # nobody holds the warehouse: its process is gone
    started = record.start_time and dt.datetime.fromtimestamp(record.start_time, dt.UTC)
    took = record.end_time - record.start_time if record.start_time and record.end_time else None
    return {
        "run": record.dagster_run.run_id,
        "status": ended,
        "started": started and started.isoformat(timespec="seconds"),
        "seconds": took and round(took, 1),
    }


def _last_refusals(raw_dir: Path) -> list[dict[str, str]]:
    files = [str(file) for file in raw_dir.glob("*/*.refused/delivered.parquet")]
    if not files:
        return []
    with duckdb.connect() as connection:
        rows = connection.execute(
            """
            select table_name, night::varchar, min(reason)
            from read_parquet($1, union_by_name = true)
            group by table_name, night order by night desc, table_name limit $2
            """,
            [files, REFUSALS_SHOWN],
        ).fetchall()
    return [dict(zip(("table", "night", "reason"), row, strict=True)) for row in rows]


def _size(path: Path) -> int:
    """Bytes of a file, or of all files under a directory; 0 if it is not there."""
    total = 0
    for file in path.rglob("*") if path.is_dir() else [path]:
        with suppress(FileNotFoundError):  # a run may take it away meanwhile
            total += file.stat().st_size if not file.is_dir() else 0
    return total
