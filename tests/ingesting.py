"""What the tests of ingestion share: a contract of things, rows in every format, a house to ingest into."""

import datetime as dt
import gzip
import json
import tempfile
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
from conftest import uid, write_part

from orchestration.build.manifest import export_tables
from orchestration.raw.account import Outcome
from orchestration.raw.contract import Column, RowCheck, Table
from orchestration.raw.discover import delivered_nights
from orchestration.raw.ingest import ingest
from orchestration.raw.store import recover
from orchestration.settings import Settings


def column(name: str, data_type: str, **given: Any) -> Column:
    """A column of a contract: neither nullable nor personal, any value, unless given otherwise."""
    usual = {"nullable": False, "accepted_values": (), "personal": False, "keep_ids": ()}
    return Column(name=name, data_type=data_type, **(usual | given))


# One column of every type, and one of every kind of check.
THINGS = Table(
    name="things",
    description="Rows of a table made up for these tests.",
    kind="append",
    key=("id",),
    event_time="createdAt",
    required=False,
    guard_departures=False,
    columns=(
        column("id", "uuid"),
        column("ownerId", "uuid", nullable=True, personal=True),
        column("kind", "varchar", accepted_values=("loud", "quiet")),
        column("label", "varchar", nullable=True),
        column("size", "integer"),
        column("weight", "double", nullable=True),
        column("live", "boolean"),
        column("details", "json", nullable=True),
        column("createdAt", "timestamp"),
    ),
    row_checks=(RowCheck("size", "size >= 0", "is negative"),),
)
THING_COLUMNS = tuple(column.name for column in THINGS.columns)
TABLES = export_tables() | {"things": THINGS}
PARQUET_TYPES = {"size": "integer", "weight": "double", "live": "boolean", "createdAt": "timestamp"}
PLANTED = "planted.person@example.org"
# One database for all looks at files, each of which is read anew: to open one takes longer than to look.
READER = duckdb.connect(config={"enable_external_file_cache": False})


def march(day: int) -> dt.date:
    """A night of the month in which all of this happens."""
    return dt.date(2026, 3, day)


class House:
    """A warehouse in a folder of its own, under the contract of a few tables."""

    def __init__(self, home: Path, *names: str, **limits: Any) -> None:
        """Ordinary limits unless given."""
        usual = {
            "exports_dir": home / "exports", "warehouse_dir": home / "warehouse", "dagster_home": home,
            "max_rejected_rows": 10, "max_rejected_share": 0.01, "max_departed_share": 0.01,
            "max_unpacked_bytes": 1 << 30, "publications_kept": 7,
        }  # fmt: skip
        self.settings = Settings(**(usual | limits))
        self.tables = {name: TABLES[name] for name in names}

    def deliver(
        self, table: str, day: int, content: list[dict[str, Any]] | str | bytes, name: str = "part-0000.csv"
    ) -> Path:
        """Put a part into the exports: rows in the format the name asks for, or bytes as they are."""
        if isinstance(content, list):
            content = in_format(content, name.split(".", 1)[1])
        return write_part(self.settings.exports_dir, table, march(day), content, name)

    def ingest(self, **options: Collection[dt.date]) -> list[Outcome]:
        """What a run does with everything delivered."""
        recover(self.settings, self.tables)
        nights = delivered_nights(self.settings.exports_dir, self.tables)
        return list(ingest(self.settings, self.tables, nights, **options))

    def actions(self, **options: Collection[dt.date]) -> dict[tuple[str, int], str]:
        """What became of each table's night in a run."""
        return {(o.night.table, o.night.date.day): o.action for o in self.ingest(**options)}

    def folder(self, table: str, day: int, suffix: str = "") -> Path:
        """Where a night stands in raw."""
        return self.settings.raw_dir / table / f"{march(day)}{suffix}"

    def rows(self, table: str, day: int, *columns: str) -> list[tuple[Any, ...]]:
        """Accepted rows in the order of their files."""
        names = ", ".join(f'"{column}"' for column in columns)
        return parquet(
            self.folder(table, day) / "rows.parquet", f"select {names}", "order by part, row_number"
        )

    def delivered(self, table: str, day: int, suffix: str = "") -> list[tuple[Any, ...]]:
        """Part, status, reason, rows delivered and rows rejected of every part."""
        columns = "select part, status, reason, rows_delivered, rows_rejected"
        return parquet(self.folder(table, day, suffix) / "delivered.parquet", columns, "order by part")

    def rejected(self, table: str, day: int, suffix: str = "") -> list[tuple[Any, ...]]:
        """Table, night, file, row number, column, reason and value of every rejected row."""
        columns = "select table_name, night, part, row_number, column_name, reason, value"
        return parquet(
            self.folder(table, day, suffix) / "rejected.parquet", columns, "order by part, row_number"
        )

    def everything_written(self) -> str:
        """All bytes of all files ingestion has written, and all values packed in them."""
        found = []
        for path in self.settings.warehouse_dir.rglob("*"):
            found.append(path.name)
            if path.is_file():
                found.append(path.read_bytes().decode("latin-1"))
            if path.suffix == ".parquet":
                found.append(str(parquet(path, "select *")))
        return "\n".join(found)


def parquet(path: Path, select: str, rest: str = "") -> list[tuple[Any, ...]]:
    """Rows of one Parquet file."""
    with READER.cursor() as connection:
        return connection.execute(f"{select} from read_parquet(?) {rest}", [str(path)]).fetchall()


def in_format(rows: list[dict[str, Any]], fmt: str) -> bytes:
    """Rows as the platform delivers them in a format; JSON given as text is nested in JSONL."""
    plain = {"csv": as_csv, "jsonl": as_jsonl, "parquet": as_parquet}[fmt.split(".")[0]](rows)
    return gzip.compress(plain) if fmt.endswith(".gz") else plain


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    """As PostgreSQL's COPY writes it."""

    def field(value: Any) -> str:
        if value is None or isinstance(value, bool):
            return {None: "", True: "t", False: "f"}[value]
        text = str(value)
        return '"' + text.replace('"', '""') + '"' if text == "" or set(text) & set(',"\n\r') else text

    lines = [",".join(rows[0])] + [",".join(map(field, row.values())) for row in rows]
    return ("\n".join(lines) + "\n").encode()


def as_jsonl(rows: list[dict[str, Any]], *, nested: bool = True) -> bytes:
    """One object per line."""
    if nested:
        rows = [
            {k: json.loads(v) if k in ("details", "metadata") and v else v for k, v in row.items()}
            for row in rows
        ]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def as_parquet(rows: list[dict[str, Any]], **types: str) -> bytes:
    """Ids and JSON as text, the rest typed."""
    columns = ", ".join(f'"{c}" {(PARQUET_TYPES | types).get(c, "varchar")}' for c in rows[0])
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        path = Path(folder) / "rows.parquet"
        connection.execute(f"create table given ({columns})")
        for row in rows:
            connection.table("given").insert(list(row.values()))
        connection.execute(f"copy given to '{path}' (format parquet)")
        return path.read_bytes()


def thing(number: int, **changes: Any) -> dict[str, Any]:
    """A row of things nobody objects to."""
    return {
        "id": uid(1, number), "ownerId": uid(2, number), "kind": "loud", "label": f"thing {number}",
        "size": number, "weight": number / 2, "live": True, "details": None,
        "createdAt": "2026-03-01 10:00:00.123",
    } | changes  # fmt: skip


def act(number: int, **changes: Any) -> dict[str, Any]:
    """A row of signal_actions nobody objects to."""
    return {
        "id": uid(1, number), "type": "BLAST", "userId": uid(2, number), "signalId": uid(3, number),
        "createdAt": "2026-03-01 10:00:00.123",
    } | changes  # fmt: skip


def user(number: int, **changes: Any) -> dict[str, Any]:
    """A member as the platform exports them, with everything that must stay out."""
    return {
        "id": uid(2, number), "email": f"{number}.{PLANTED}", "username": f"name-{PLANTED}",
        "displayName": f"display-{PLANTED}", "password": f"hash-{PLANTED}", "bio": None,
        "latitude": 47.123456789, "longitude": 8.987654321, "isVerified": False,
        "createdAt": "2025-05-05 05:05:05", "updatedAt": "2025-06-06 06:06:06", "homeSceneCity": "Bern",
        "homeSceneState": "BE", "homeSceneCommunity": "punk", "gpsVerified": True,
        "collectionDisplayEnabled": True, "homeSceneId": uid(4, 1),
    } | changes  # fmt: skip


def users(count: int, first: int = 1) -> list[dict[str, Any]]:
    """A snapshot of that many members."""
    return [user(number) for number in range(first, first + count)]


def signal(number: int, **changes: Any) -> dict[str, Any]:
    """A row of signals nobody objects to."""
    return {
        "id": uid(3, number), "type": "flyer", "metadata": None, "communityId": uid(4, 1),
        "createdById": uid(2, 1), "createdAt": "2026-02-01 10:00:00",
    } | changes  # fmt: skip


LONG_TEXT = 'a, b; "quoted"\nnext line\r\nand \\N \\. 🎸 ünï'
GIVEN = [
    thing(1, details='{"artistBandId": "b1", "n": [1, {"deep": null}]}', createdAt="2026-03-01 00:00:00"),
    thing(2, label="", details='{"text": "x, \\"y\\"\\n🎸"}', createdAt="2026-03-01 23:59:59.999"),
    thing(3, label=None, ownerId=None, weight=None, live=False, size=0),
    thing(4, label=LONG_TEXT, kind="quiet", details="[]", weight=-0.25),
]


def with_column(table: Table, name: str) -> Table:
    """The contract after it gained a column that may be null."""
    return replace(table, columns=(*table.columns, column(name, "varchar", nullable=True)))


def standing(folder: Path) -> dict[str, tuple[int, int]]:
    """Which files stand in a folder: a file written anew is another one."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.iterdir()}
