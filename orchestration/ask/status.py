"""The state of a warehouse: what is published and how old it is, the last run, refusals, sizes."""

import datetime as dt
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb

from orchestration.ask.summary import nights_missing
from orchestration.build.archive import Publication, current, folder_matches
from orchestration.build.last_run import how_it_went
from orchestration.build.manifest import export_tables
from orchestration.lock import is_held
from orchestration.places import LogBesideError, is_sealed, logs_beside, logs_in
from orchestration.raw.account import left_behind
from orchestration.raw.discover import last_night, nights_behind
from orchestration.settings import Settings
from orchestration.site.place import shows

REFUSALS_SHOWN = 5


def status(config: Settings, now: dt.datetime) -> dict[str, Any]:
    """Everything `warehouse status` shows, as values that JSON can hold.

    Args:
        config: the warehouse.
        now: the moment.

    Raises:
        duckdb.Error: the published file cannot be read.
    """
    running, logs = is_held(config), _logs(config)
    try:
        published = current(config)
    except LogBesideError:
        published = None  # the logs say why
    return {
        "warehouse": str(config.warehouse_dir),
        "exports": str(config.exports_dir),
        "published": published and _of(published, config, now),
        "logs beside databases": logs,
        "another run holds the warehouse": running,
        "last run": how_it_went(config, running=running),
        "last refusals": _last_refusals(config.raw_dir),
        # A run that is going on moves these nights, and will read them again if it can.
        "read by an earlier version": {} if running else _left_behind(config),
        "bytes": sizes(config),
    }


def _logs(config: Settings) -> list[str]:
    """The logs that DuckDB would replay onto a finished database."""
    finished = (config.warehouse_file, config.published_file)
    logs = [log for file in finished for log in logs_beside(file)] + logs_in(config.publications_dir)
    return [str(log) for log in logs]


def sizes(config: Settings) -> dict[str, int]:
    """The size in bytes of each thing that a warehouse keeps."""
    return {
        "raw": _size(config.raw_dir),
        "warehouse": _size(config.warehouse_file) + _size(config.building_dir),
        "published": _size(config.published_file),
        "publications": _size(config.publications_dir),
        "product": _size(config.product_dir),
        "site": _size(config.site_dir.resolve()),
        "dagster": _size(config.dagster_home),
    }


def _of(published: Publication, config: Settings, now: dt.datetime) -> dict[str, Any]:
    ended = last_night(config.exports_dir)
    return {
        "as of": published.as_of.isoformat(),
        "last day": published.as_of_date.isoformat(),
        "age in hours": round((now - published.as_of.replace(tzinfo=dt.UTC)) / dt.timedelta(hours=1), 1),
        "nights behind": nights_behind(published.as_of_date, config.exports_dir, now),
        "exports end": ended and ended.isoformat(),
        "nights missing": nights_missing(published.nights_missing),
        "run": published.run_id,
        "was written to": not is_sealed(published.file, published.built_at),
        "product matches": folder_matches(config, published),
        "site shows it": shows(config, published.run_id),
    }


def _last_refusals(raw_dir: Path) -> list[dict[str, str]]:
    """The latest refused nights. A run may take one away while we look."""
    folders = [Path(folder) for folder, *_ in os.walk(raw_dir) if folder.endswith(".refused")]
    folders.sort(key=lambda folder: folder.parent.name)
    folders.sort(key=lambda folder: folder.name, reverse=True)
    found: list[dict[str, str]] = []
    with duckdb.connect() as connection:
        for folder in folders:
            # An open file stays readable even if it is deleted or renamed, so DuckDB gets the open file.
            with suppress(FileNotFoundError), (folder / "delivered.parquet").open("rb") as file:
                # It would load pandas to hand a parameter to a statement.
                delivered = connection.read_parquet(f"/dev/fd/{file.fileno()}")
                row = delivered.aggregate("min(table_name), min(night)::varchar, min(reason)").fetchone()
                found.append(dict(zip(("table", "night", "reason"), row, strict=True)))
            if len(found) == REFUSALS_SHOWN:
                break
    return found


def _left_behind(config: Settings) -> dict[str, list[str]]:
    """The nights that no run can read again. None are named while a run that just began moves them."""
    try:
        return left_behind(config, export_tables())
    except (OSError, duckdb.IOException):
        return {}


def _size(path: Path) -> int:
    """Bytes of a file, or of all files under a directory; 0 if it is not there."""
    total = 0
    # Unlike rglob, walk passes over a directory that was deleted meanwhile.
    for file in [path, *(Path(folder, name) for folder, _, names in os.walk(path) for name in names)]:
        with suppress(FileNotFoundError):
            total += 0 if file.is_dir() else file.stat().st_size
    return total
