"""With little memory a run spills to disk, does not die, and gives the same."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration import ingestion
from orchestration.exports import delivered_nights
from orchestration.raw_assets import TABLES
from orchestration.settings import settings

Tried = Callable[[str, str, int], None]

PROMISE = "little memory spills and does not die"
LISTENING = {"track_engagements": TABLES["track_engagements"]}


@dataclass
class Ingested:
    """What a night came to: its rows in one number, and the bytes that were spilled."""

    rows: tuple[int, int]
    spilled: int


def ingest(tmp_path: Path, memory_limit: str, monkeypatch: pytest.MonkeyPatch) -> Ingested:
    """Ingest with so much memory, looking at what lies spilled when the night is written."""
    warehouse_dir, spilled = tmp_path / memory_limit, []
    monkeypatch.setenv("EXPORTS_DIR", str(tmp_path / "exports"))
    monkeypatch.setenv("WAREHOUSE_DIR", str(warehouse_dir))
    monkeypatch.setenv("MEMORY_LIMIT", memory_limit)
    swap_in = ingestion._swap_in

    def looking(connection: duckdb.DuckDBPyConnection, *arguments: Any) -> None:
        spilled.extend(size for _, size in connection.execute("from duckdb_temporary_files()").fetchall())
        swap_in(connection, *arguments)

    with monkeypatch.context() as watched:
        watched.setattr(ingestion, "_swap_in", looking)
        ingestion.recover(settings(), LISTENING)
        nights = delivered_nights(settings().exports_dir, LISTENING)
        outcomes = list(ingestion.ingest(settings(), LISTENING, nights))
    assert [outcome.action for outcome in outcomes] == ["accepted"]
    (file,) = (warehouse_dir / "raw" / "track_engagements").glob("2026-*/rows.parquet")
    with duckdb.connect() as connection:
        rows = connection.execute("select count(*), sum(hash(r)) from read_parquet($1) as r", [str(file)])
        return Ingested(rows.fetchone(), sum(spilled))


def deliver_listening(exports_dir: Path, rows: int) -> None:
    """One night with so many engagements."""
    folder = exports_dir / "track_engagements" / "2026-01-01"
    folder.mkdir(parents=True)
    target = str(folder / "part-0000.csv")
    with duckdb.connect() as connection:
        connection.execute(
            f"""
            copy (
                select
                    md5('id' || n)::uuid as id, md5('user' || n % 1000)::uuid as "userId",
                    md5('track' || n % 500)::uuid as "trackId", 'full' as type, 3 as score,
                    'session ' || n as "sessionId",
                    timestamp '2026-01-01' + to_milliseconds(n % 86400000) as "createdAt"
                from range({rows}) as numbers (n)
            ) to '{target}' (format csv, header)
            """
        )


def test_a_night_larger_than_memory_is_ingested_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Tried, long: bool
) -> None:
    rows, little = (2_000_000, "200MB") if long else (200_000, "50MB")
    deliver_listening(tmp_path / "exports", rows)
    plenty = ingest(tmp_path, "4GB", monkeypatch)
    scarce = ingest(tmp_path, little, monkeypatch)
    assert plenty.spilled == 0
    assert scarce.spilled > 1_000_000
    assert scarce.rows == plenty.rows
    assert scarce.rows[0] == rows
    assert not (tmp_path / little / "incoming" / "work").exists()
    tried(PROMISE, f"a night of {rows:,} rows ingested within {little}", 1)
