"""The account of deliveries: what was delivered, and what became of each part."""

import datetime as dt
import hashlib
import uuid
from dataclasses import dataclass

import duckdb

from orchestration.database import pattern, quoted
from orchestration.raw import read
from orchestration.raw.contract import Table
from orchestration.raw.discover import Night, is_delivered
from orchestration.settings import Settings

DELIVERED_COLUMNS = {
    "delivery_id": "uuid",
    "table_name": "varchar",
    "night": "date",
    "part": "varchar",
    "status": "varchar",
    "reason": "varchar",
    "rows_delivered": "bigint",
    "rows_rejected": "bigint",
    "sha256": "varchar",
    "contract": "varchar",
    "reader": "varchar",
    "compared_with": "varchar",
    "departures_confirmed": "boolean",
    # A model derives these from the rows; they are written down when the rows are pruned.
    "rows_accepted": "bigint",
    "rows_duplicate": "bigint",
    "rows_superseded": "bigint",
}
REJECTED_COLUMNS = {
    "delivery_id": "uuid",
    "table_name": "varchar",
    "night": "date",
    "part": "varchar",
    "row_number": "bigint",
    "column_name": "varchar",
    "reason": "varchar",
    "value": "varchar",
}
BOOKKEEPING_COLUMNS = {
    "delivery_id": "uuid",
    "night": "date",
    "part": "varchar",
    "row_number": "bigint",
    "row_hash": "uuid",
    # The pseudonym of an act's id, before erasure and after: it says which of two at one instant comes first.
    "tie_order": "uuid",
}


@dataclass(frozen=True)
class Part:
    """One delivered part and what became of it: a row of delivered.parquet."""

    table: str
    night: dt.date
    name: str
    sha256: str
    contract: str
    reader: str | None
    compared_with: str = ""
    departures_confirmed: bool = False
    status: str = "accepted"
    reason: str | None = None
    rows_delivered: int | None = None
    rows_rejected: int | None = None
    is_pruned: bool = False

    @property
    def delivery_id(self) -> uuid.UUID:
        """The same for the same content under the same contract, whenever it arrives and whatever reads it.

        Accepted and refused parts differ in it: a part that stands may come again in a refused delivery.
        """
        identity = [self.table, self.night.isoformat(), self.name, self.sha256, self.contract]
        if self.status == "refused":
            identity.append(self.status)
        return uuid.UUID(hashlib.sha256("|".join(identity).encode()).hexdigest()[:32])

    def row(self) -> tuple[object, ...]:
        """The values in the order of DELIVERED_COLUMNS, of rows that are all there."""
        return (
            self.delivery_id, self.table, self.night, self.name, self.status, self.reason,
            self.rows_delivered, self.rows_rejected, self.sha256, self.contract, self.reader,
            self.compared_with, self.departures_confirmed, None, None, None,
        )  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What ingestion did with one table's night."""

    night: Night
    action: str  # known | accepted | refused
    parts: tuple[Part, ...]

    @property
    def rows(self) -> int:
        """Rows delivered, as far as they could be read."""
        return sum(part.rows_delivered or 0 for part in self.parts)

    @property
    def rejected(self) -> int:
        """Rows rejected."""
        return sum(part.rows_rejected or 0 for part in self.parts)


def known_parts(settings: Settings) -> dict[tuple[str, dt.date], tuple[Part, ...]]:
    """The accepted parts standing in raw, by table and night."""
    return _accepted([pattern(settings.raw_dir, "*/*/delivered.parquet")])


def left_behind(settings: Settings, tables: dict[str, Table]) -> dict[str, list[str]]:
    """The nights, by table, that another contract or another reader has read and that cannot be read again.

    They are gone from the exports, or a refused delivery lies there in their place. They stay as they are. A
    fresh warehouse would not have them at all.
    """
    gone = [
        pattern(folder / "delivered.parquet")
        for name in tables
        for folder in sorted((settings.raw_dir / name).glob("????-??-??"))
        if folder.with_suffix(".refused").exists()
        or not is_delivered(settings.exports_dir, name, dt.date.fromisoformat(folder.name))
    ]
    found: dict[str, list[str]] = {}
    for (name, night), parts in _accepted(gone).items() if gone else ():
        if any((part.contract, part.reader) != (tables[name].fingerprint, read.READER) for part in parts):
            found.setdefault(name, []).append(night.isoformat())
    return found


def _accepted(delivered: list[str]) -> dict[tuple[str, dt.date], tuple[Part, ...]]:
    """The accepted parts that files of deliveries tell of, by table and night, in order."""
    account = f"read_parquet([{', '.join(delivered)}], union_by_name = true, hive_partitioning = false)"
    accepted: dict[tuple[str, dt.date], tuple[Part, ...]] = {}
    with duckdb.connect() as connection:
        create_table(connection, "account", DELIVERED_COLUMNS)  # it gives older files the columns they lack
        rows = connection.execute(
            f"""
            select
                table_name, night, part, sha256, contract, reader, compared_with, departures_confirmed,
                status, reason, rows_delivered, rows_rejected, rows_accepted is not null as is_pruned
            from (from account union all by name from {account})
            where status = 'accepted'
            order by table_name, night, part
            """
        ).fetchall()
    for row in rows:
        part = Part(*row)
        accepted[part.table, part.night] = (*accepted.get((part.table, part.night), ()), part)
    return accepted


def refusal(outcome: Outcome) -> str:
    """Why a night was refused."""
    return next(part.reason for part in outcome.parts if part.reason)


def create_table(connection: duckdb.DuckDBPyConnection, name: str, columns: dict[str, str]) -> None:
    """Make a temporary table of these columns, without a row."""
    described = ", ".join(f"{quoted(column)} {data_type}" for column, data_type in columns.items())
    connection.execute(f"create or replace temp table {name} ({described})")
