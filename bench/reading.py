"""What ingestion takes for a large part, beside a bare COPY that casts its columns and checks nothing."""

import shutil
import time
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from statistics import median

import duckdb

from bench.year import HISTORY
from orchestration.build.manifest import export_tables
from orchestration.database import files, quoted
from orchestration.raw.discover import delivered_nights
from orchestration.raw.ingest import ingest
from orchestration.raw.store import recover
from orchestration.settings import Settings, settings

TABLE = "track_engagements"
TRIES = 3


def times_of_a_bare_copy(exports: Path, form: str, scratch: Path) -> tuple[float, float, float]:
    """How many times as long ingestion takes for the first night; the seconds of both: medians."""
    ingestion, copies = [], []
    for _ in range(TRIES):
        copies.append(_copy(exports, form, scratch))
        ingestion.append(ingestion_seconds(exports, [TABLE], scratch / "warehouse"))
    taken, bare = median(ingestion), median(copies)
    return taken / bare, taken, bare


def ingestion_seconds(exports: Path, names: Collection[str], warehouse_dir: Path) -> float:
    """What it takes a new warehouse to take in the first night of these tables.

    Raises:
        AssertionError: a night was refused; what is refused is not read.
    """
    config: Settings = replace(settings(), exports_dir=exports, warehouse_dir=warehouse_dir)
    shutil.rmtree(config.warehouse_dir, ignore_errors=True)
    config.warehouse_dir.mkdir(parents=True)
    tables = {name: export_tables()[name] for name in names}
    recover(config, tables)
    nights = [night for night in delivered_nights(exports, tables) if night.date == HISTORY]
    started = time.monotonic()
    outcomes = list(ingest(config, tables, nights))
    took = time.monotonic() - started
    assert [outcome.action for outcome in outcomes] == ["accepted"] * len(tables), outcomes  # noqa: S101
    return took


def _copy(exports: Path, form: str, scratch: Path) -> float:
    scratch.mkdir(parents=True, exist_ok=True)
    kinds = {"double": "double", "integer": "bigint", "timestamp": "timestamp", "uuid": "uuid"}
    columns = {c.delivered: kinds.get(c.data_type, "varchar") for c in export_tables()[TABLE].columns}
    parts = files(exports / TABLE / HISTORY.isoformat(), f"part-*.{form}")
    kept = ", ".join(f"{quoted(name)}::{kind} as {quoted(name)}" for name, kind in columns.items())
    read = f"read_parquet({parts})" if form == "parquet" else f"read_csv({parts}, header = true)"
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        started = time.monotonic()
        connection.execute(f"copy (select {kept} from {read}) to '{scratch}/bare.parquet' (format parquet)")
        return time.monotonic() - started
