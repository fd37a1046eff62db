"""What may arrive and what has arrived: the contract, and the delivered nights.

The contract is read from the dbt source definitions; the layout of the exports directory is
`<table>/<YYYY-MM-DD>/part-NNNN.<format>`.
"""

import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMATS = ("csv", "csv.gz", "jsonl", "jsonl.gz", "parquet")
MANIFEST_NAME = "_manifest.json"


@dataclass(frozen=True)
class Column:
    """A column the product keeps; of a JSON object with `keep_ids`, only the ids under those keys.

    `member` says how it names members: `owner` (the row is theirs), `reference` (the row is the community's)
    or `list` (a JSON list of members). `refers_to` names the table of owned rows whose ids it holds.
    """

    name: str
    data_type: str
    nullable: bool
    accepted_values: tuple[str, ...]
    personal: bool
    keep_ids: tuple[str, ...] = ()
    member: str = ""
    refers_to: str = ""


@dataclass(frozen=True)
class RowCheck:
    """A condition over several columns; `column` is named when it does not hold."""

    column: str
    expression: str
    reason: str


@dataclass(frozen=True)
class Table:
    """The contract of one export table."""

    name: str
    description: str
    kind: str
    key: tuple[str, ...]
    event_time: str | None
    required: bool
    guard_departures: bool
    columns: tuple[Column, ...]
    row_checks: tuple[RowCheck, ...]

    @property
    def fingerprint(self) -> str:
        """Changes when a night read under this contract would have to be read again."""
        reads = (self.kind, self.key, self.event_time, self.guard_departures, self.columns, self.row_checks)
        return hashlib.sha256(repr(reads).encode()).hexdigest()[:16]

    @property
    def owners(self) -> tuple[str, ...]:
        """The columns that name the member a row belongs to."""
        return tuple(column.name for column in self.columns if column.member == "owner")

    @property
    def is_members(self) -> bool:
        """Whether a row is a member."""
        return any(column.member == "owner" and column.name in self.key for column in self.columns)

    @property
    def erasable(self) -> tuple[Column, ...]:
        """The columns that may hold the id of a member, or of a row that belongs to one."""
        return tuple(
            column
            for column in self.columns
            if column.member or column.refers_to or (self.owners and column.name in self.key)
        )


def contract(manifest: dict[str, Any]) -> dict[str, Table]:
    """The contracted tables by name, from the sources of a dbt manifest."""
    tables = {}
    for source in manifest["sources"].values():
        meta = source["config"]["meta"]
        if "kind" not in meta:
            continue
        tables[source["name"]] = Table(
            name=source["name"],
            description=source["description"],
            kind=meta["kind"],
            key=tuple(meta["key"]),
            event_time=meta.get("event_time"),
            required=meta.get("required", False),
            guard_departures=meta.get("guard_departures", False),
            columns=tuple(_column(column) for column in source["columns"].values()),
            row_checks=tuple(RowCheck(**check) for check in meta.get("row_checks", [])),
        )
    return dict(sorted(tables.items()))


def _column(column: dict[str, Any]) -> Column:
    meta = column["config"]["meta"]
    return Column(
        name=column["name"],
        data_type=column["data_type"],
        nullable=meta.get("nullable", False),
        accepted_values=tuple(meta.get("accepted_values", ())),
        personal=meta.get("personal", False),
        keep_ids=tuple(meta.get("keep_ids", ())),
        member=meta.get("member", ""),
        refers_to=meta.get("refers_to", ""),
    )


@dataclass(frozen=True)
class Night:
    """What the exports directory holds for one table and night."""

    table: str
    date: dt.date
    folder: Path
    parts: tuple[Path, ...]
    manifest: dict[str, dict[str, Any]] | None
    manifest_error: str | None


def delivered_nights(exports_dir: Path, tables: dict[str, Table]) -> list[Night]:
    """Every delivered night of a contracted table, oldest first.

    Tables outside the contract, folders that are no dates and names that are not data are passed over.
    """
    nights = []
    for name in tables:
        for folder in _folders(exports_dir / name):
            date = _date(folder.name)
            parts = tuple(path for path in sorted(folder.iterdir()) if _is_part(path))
            if date is None or not parts:
                continue
            nights.append(Night(name, date, folder, parts, *_read_manifest(folder / MANIFEST_NAME)))
    return sorted(nights, key=lambda night: (night.date, night.table))


def part_format(path: Path) -> str | None:
    """The export format a file name ends in, or None."""
    return next((fmt for fmt in FORMATS if path.name.endswith(f".{fmt}")), None)


def latest_complete_night(arrived: set[tuple[str, dt.date]], tables: dict[str, Table]) -> dt.date | None:
    """The last night for which every required table has arrived."""
    required = {name for name, table in tables.items() if table.required}
    dates = {date for _, date in arrived}
    return max((date for date in dates if not missing_tables(arrived, required, date)), default=None)


def missing_tables(arrived: set[tuple[str, dt.date]], required: set[str], date: dt.date) -> list[str]:
    """The required tables that have not arrived for a night, by name."""
    return sorted(name for name in required if (name, date) not in arrived)


def _folders(parent: Path) -> list[Path]:
    return sorted(path for path in parent.iterdir() if path.is_dir()) if parent.is_dir() else []


def _is_part(path: Path) -> bool:
    return path.is_file() and not path.name.startswith((".", "_")) and not path.name.endswith(".tmp")


def _date(name: str) -> dt.date | None:
    try:
        date = dt.date.fromisoformat(name)
    except ValueError:
        return None
    return date if date.isoformat() == name else None


def _read_manifest(path: Path) -> tuple[dict[str, dict[str, Any]] | None, str | None]:
    if not path.exists():
        return None, None
    try:
        parts = json.loads(path.read_bytes())["parts"]
        return {str(name): dict(expected) for name, expected in parts.items()}, None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None, f"{MANIFEST_NAME} cannot be read as a manifest"
