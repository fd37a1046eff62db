"""With little memory a run spills to disk, does not die, and gives the same."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from runs import command, start, tables

from orchestration.build.manifest import export_tables
from orchestration.raw import ingest as ingestion
from orchestration.raw.discover import delivered_nights
from orchestration.raw.store import recover
from orchestration.sample import SampleSize, write_sample
from orchestration.settings import PROJECT_DIR, settings

TABLES = export_tables()
Tried = Callable[[str, str, int], None]

PROMISE = "little memory spills and does not die"
LISTENING = {"track_engagements": TABLES["track_engagements"]}

LITTLE = "200MB"
LARGE = SampleSize(members=2_000, tracks=300, engagements=200_000, actions=30_000, nights=1, history_days=30)


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
    swap_in = ingestion.swap_in

    def looking(connection: duckdb.DuckDBPyConnection, *arguments: Any) -> None:
        spilled.extend(size for _, size in connection.execute("from duckdb_temporary_files()").fetchall())
        swap_in(connection, *arguments)

    with monkeypatch.context() as watched:
        watched.setattr(ingestion, "swap_in", looking)
        recover(settings(), LISTENING)
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


def spills(exports_dir: Path, warehouse_dir: Path, memory_limit: str) -> bool:
    """Whether a run within so much memory, which must end well, is seen to spill."""
    process, spilled = start(command(exports_dir, warehouse_dir), MEMORY_LIMIT=memory_limit), False
    while process.poll() is None:
        with suppress(FileNotFoundError):
            spilled |= any((warehouse_dir / "building" / "spill").iterdir())
        time.sleep(0.01)
    assert process.returncode == 0
    return spilled


@pytest.mark.long
def test_a_build_larger_than_memory_publishes_the_same(tmp_path: Path, tried: Tried) -> None:
    """The same build with plenty spills nothing: the limit is what makes it, and is obeyed."""
    write_sample(tmp_path / "exports", LARGE)
    plenty, scarce = tmp_path / "plenty", tmp_path / "scarce"
    assert not spills(tmp_path / "exports", plenty, "4GB")
    assert spills(tmp_path / "exports", scarce, LITTLE)
    assert tables(scarce / "analytics.duckdb") == tables(plenty / "analytics.duckdb")
    tried(PROMISE, f"{LARGE.engagements:,} engagements built within {LITTLE}", 1)


def test_dbt_says_once_only_where_to_spill() -> None:
    """Said again by a second thread, after the first has spilled, it ends the build; so it is no setting."""
    output = yaml.safe_load((PROJECT_DIR / "profiles.yml").read_text())["activity_warehouse"]["outputs"][
        "duckdb"
    ]
    assert "temp_directory" in output["config_options"]
    assert "temp_directory" not in output["settings"]


def test_duckdb_does_not_change_where_it_spills(tmp_path: Path) -> None:
    config = {"memory_limit": "30MB", "temp_directory": str(tmp_path / "spill")}
    with duckdb.connect(str(tmp_path / "any.duckdb"), config=config) as connection:
        connection.execute(
            "create temp table t as select range as a, md5(range::varchar) as b from range(2000000)"
        )
        with pytest.raises(duckdb.NotImplementedException, match="Cannot switch temporary directory"):
            connection.execute(f"set temp_directory = '{tmp_path / 'spill'}'")
