"""From delivered files to typed Parquet: what is read, rejected, refused and kept out."""

import dataclasses
import datetime as dt
import gzip
import hashlib
import json
import logging
import shutil
import tempfile
import uuid
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import uid, write_part
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestration import ingestion, reading
from orchestration.exports import FORMATS, Column, RowCheck, Table, contract, delivered_nights
from orchestration.ingestion import Outcome, ingest, known_parts, left_behind, recover, refusal
from orchestration.reading import RefusedError, read_part
from orchestration.settings import Settings
from orchestration.transformation import MANIFEST


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
TABLES = contract(MANIFEST) | {"things": THINGS}
PARQUET_TYPES = {"size": "integer", "weight": "double", "live": "boolean", "createdAt": "timestamp"}
PLANTED = "planted.person@example.org"


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
    with duckdb.connect() as connection:
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


# Every format gives the same rows

LONG_TEXT = 'a, b; "quoted"\nnext line\r\nand \\N \\. 🎸 ünï'
GIVEN = [
    thing(1, details='{"artistBandId": "b1", "n": [1, {"deep": null}]}', createdAt="2026-03-01 00:00:00"),
    thing(2, label="", details='{"text": "x, \\"y\\"\\n🎸"}', createdAt="2026-03-01 23:59:59.999"),
    thing(3, label=None, ownerId=None, weight=None, live=False, size=0),
    thing(4, label=LONG_TEXT, kind="quiet", details="[]", weight=-0.25),
]
EXPECTED = [
    (
        uuid.UUID("00000001-0000-4000-8000-000000000001"), uuid.UUID("00000002-0000-4000-8000-000000000001"),
        "loud", "thing 1", 1, 0.5, True, {"artistBandId": "b1", "n": [1, {"deep": None}]},
        dt.datetime(2026, 3, 1),
    ),
    (
        uuid.UUID("00000001-0000-4000-8000-000000000002"), uuid.UUID("00000002-0000-4000-8000-000000000002"),
        "loud", "", 2, 1.0, True, {"text": 'x, "y"\n🎸'}, dt.datetime(2026, 3, 1, 23, 59, 59, 999000),
    ),
    (
        uuid.UUID("00000001-0000-4000-8000-000000000003"), None, "loud",
        None, 0, None, False, None, dt.datetime(2026, 3, 1, 10, 0, 0, 123000),
    ),
    (
        uuid.UUID("00000001-0000-4000-8000-000000000004"), uuid.UUID("00000002-0000-4000-8000-000000000004"),
        "quiet", LONG_TEXT, 4, -0.25, True, [], dt.datetime(2026, 3, 1, 10, 0, 0, 123000),
    ),
]  # fmt: skip


def things_read(house: House, day: int = 1) -> list[tuple[Any, ...]]:
    """The accepted things, their JSON as what it means."""
    at = THING_COLUMNS.index("details")
    rows = house.rows("things", day, *THING_COLUMNS)
    return [(*row[:at], json.loads(row[at]) if row[at] else row[at], *row[at + 1 :]) for row in rows]


@pytest.mark.parametrize("fmt", FORMATS)
def test_every_format_gives_the_same_typed_rows(tmp_path: Path, fmt: str) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, GIVEN, f"part-0000.{fmt}")
    (outcome,) = house.ingest()
    assert (outcome.action, outcome.rows, outcome.rejected) == ("accepted", 4, 0)
    assert things_read(house) == EXPECTED
    assert house.delivered("things", 1) == [(f"part-0000.{fmt}", "accepted", None, 4, 0)]


@pytest.mark.parametrize("fmt", FORMATS)
def test_any_column_order_and_extra_columns_change_nothing(tmp_path: Path, fmt: str) -> None:
    house = House(tmp_path, "things")
    turned = [
        {"extra": "x, y", "text_0": "t", **dict(reversed(row.items())), "row_number": "9"} for row in GIVEN
    ]
    house.deliver("things", 1, turned, f"part-0000.{fmt}")
    assert house.actions() == {("things", 1): "accepted"}
    assert things_read(house) == EXPECTED
    assert parquet(house.folder("things", 1) / "rows.parquet", "select max(row_number)") == [(4,)]


def test_several_parts_in_several_formats_make_one_night(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    for number, fmt in enumerate(("parquet", "csv.gz", "jsonl", "csv")):
        house.deliver("things", 1, [GIVEN[number]], f"part-000{number}.{fmt}")
    (outcome,) = house.ingest()
    assert [(part.name, part.rows_delivered) for part in outcome.parts] == [
        ("part-0000.parquet", 1), ("part-0001.csv.gz", 1), ("part-0002.jsonl", 1), ("part-0003.csv", 1),
    ]  # fmt: skip
    assert things_read(house) == EXPECTED
    bookkeeping = house.rows("things", 1, "night", "part", "row_number")
    assert bookkeeping == [(march(1), part.name, 1) for part in outcome.parts]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("part-0000.jsonl", as_jsonl([thing(1, details='{"artistBandId": "b1"}')], nested=False)),
        ("part-0000.jsonl", as_jsonl([thing(1, details='{"artistBandId": "b1"}')], nested=True)),
        ("part-0000.parquet", as_parquet([thing(1, details='{"artistBandId": "b1"}')])),
        ("part-0000.parquet", as_parquet([thing(1, details='{"artistBandId": "b1"}')], details="json")),
        (
            "part-0000.parquet",
            as_parquet([thing(1, details={"artistBandId": "b1"})], details='struct("artistBandId" varchar)'),
        ),
        (
            "part-0000.parquet",
            as_parquet([thing(1, details={"artistBandId": "b1"})], details="map(varchar, varchar)"),
        ),
    ],
    ids=["jsonl text", "jsonl nested", "parquet text", "parquet json", "parquet struct", "parquet map"],
)
def test_json_means_the_same_as_text_or_nested(tmp_path: Path, name: str, content: bytes) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, content, name)
    house.ingest()
    ((details,),) = house.rows("things", 1, "details")
    assert json.loads(details) == {"artistBandId": "b1"}


def test_a_nested_list_in_parquet_is_json(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    rows = [thing(1, details=[uid(2, 1), uid(2, 2)]), thing(2, details=[]), thing(3)]
    house.deliver("things", 1, as_parquet(rows, details="varchar[]"), "part-0000.parquet")
    house.ingest()
    (full,), (none,), (null,) = house.rows("things", 1, "details")
    assert (json.loads(full), json.loads(none), null) == ([uid(2, 1), uid(2, 2)], [], None)


@pytest.mark.parametrize(("text", "value"), [("t", True), ("f", False), ("true", True), ("false", False)])
def test_booleans_of_csv_are_t_or_true(tmp_path: Path, text: str, value: bool) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1, live=text)])
    house.ingest()
    assert house.rows("things", 1, "live") == [(value,)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-03-01 10:00:00", dt.datetime(2026, 3, 1, 10)),
        ("2026-03-01 10:00:00.5", dt.datetime(2026, 3, 1, 10, 0, 0, 500000)),
        ("2026-03-01T10:00:00.123Z", dt.datetime(2026, 3, 1, 10, 0, 0, 123000)),
        ("2026-03-01T10:00:00+00:00", dt.datetime(2026, 3, 1, 10)),
        ("2026-03-01 10:00:00+00", dt.datetime(2026, 3, 1, 10)),
    ],
)
@pytest.mark.parametrize("fmt", ["csv", "jsonl"])
def test_every_way_to_write_a_utc_time_is_that_time(
    tmp_path: Path, fmt: str, text: str, value: dt.datetime
) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1, createdAt=text)], f"part-0000.{fmt}")
    house.ingest()
    assert house.rows("things", 1, "createdAt") == [(value,)]


@pytest.mark.parametrize("data_type", ["timestamp_ms", "timestamp_ns", "timestamptz"])
def test_every_timestamp_of_parquet_is_in_utc(tmp_path: Path, data_type: str) -> None:
    house = House(tmp_path, "things")
    time = "2026-03-01 10:00:00.123" + ("+00" if data_type == "timestamptz" else "")
    content = as_parquet([thing(1, createdAt=time)], createdAt=data_type)
    house.deliver("things", 1, content, "part-0000.parquet")
    house.ingest()
    assert house.rows("things", 1, "createdAt") == [(dt.datetime(2026, 3, 1, 10, 0, 0, 123000),)]


@pytest.mark.parametrize("content", [b"\xef\xbb\xbf" + as_csv(GIVEN), as_csv(GIVEN) + b"\n"])
def test_a_byte_order_mark_or_an_empty_last_line_is_no_row(tmp_path: Path, content: bytes) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, content)
    house.ingest()
    assert things_read(house) == EXPECTED


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("part-0000.csv", ",".join(THING_COLUMNS) + "\n"),
        ("part-0000.jsonl", ""),
        ("part-0000.jsonl.gz", gzip.compress(b"", mtime=0)),
    ],
)
def test_a_night_without_rows_is_accepted(tmp_path: Path, name: str, content: str | bytes) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, content, name)
    (outcome,) = house.ingest()
    assert (outcome.action, outcome.rows) == ("accepted", 0)
    assert things_read(house) == []


@pytest.mark.parametrize("name", ["label", "weight", "details"])
@pytest.mark.parametrize("fmt", ["csv", "jsonl", "parquet"])
def test_a_column_that_may_be_null_may_be_absent(tmp_path: Path, fmt: str, name: str) -> None:
    house = House(tmp_path, "things")
    rows = [{k: v for k, v in thing(number).items() if k != name} for number in (1, 2)]
    house.deliver("things", 1, rows, f"part-0000.{fmt}")
    house.ingest()
    assert house.rows("things", 1, "size", name) == [(1, None), (2, None)]


def test_the_same_row_has_the_same_hash_on_any_night_and_a_changed_one_another(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1), thing(2, label=""), thing(3, label=None)])
    house.deliver("things", 2, [thing(1), thing(2, label=None), thing(3, label=None)], "part-0000.parquet")
    house.ingest()
    first, second = (house.rows("things", day, "row_hash") for day in (1, 2))
    assert [first[n] == second[n] for n in range(3)] == [True, False, True]
    assert len({*first, *second}) == 4


# What stays out


@pytest.mark.parametrize("fmt", FORMATS)
def test_columns_outside_the_contract_are_nowhere_under_the_warehouse(tmp_path: Path, fmt: str) -> None:
    house = House(tmp_path, "users")
    house.deliver("users", 1, [user(1), user(2, homeSceneCity="Thun")], f"part-0000.{fmt}")
    house.ingest()
    assert house.rows("users", 1, "homeSceneCity") == [("Bern",), ("Thun",)]
    written = house.everything_written()
    assert "Thun" in written
    for secret in (PLANTED, "planted", "hash-", "password", "email", "47.12345", "8.98765"):
        assert secret not in written


def test_an_address_or_a_hash_in_place_of_a_home_is_withheld_and_its_member_stays(tmp_path: Path) -> None:
    house = House(tmp_path, "users")
    secrets = {"homeSceneCity": PLANTED, "homeSceneState": "$2b$10$abcdefghijk", "homeSceneCommunity": "punk"}
    house.deliver("users", 1, [user(1), user(2, **secrets)])
    assert house.actions() == {("users", 1): "accepted"}
    assert house.rows("users", 1, *secrets) == [("Bern", "BE", "punk"), ("(withheld)", "(withheld)", "punk")]


def test_what_is_personal_is_withheld_however_it_is_written(tmp_path: Path) -> None:
    texts = ["ANN@EXAMPLE.INVALID", "ann@localhost", "$2Y$10$ABCDEFGHIJK", "hash $2a$10$ab"]
    house = House(tmp_path, "users")
    house.deliver("users", 1, [user(n, homeSceneCity=text) for n, text in enumerate(texts)])
    assert house.actions() == {("users", 1): "accepted"}
    assert house.rows("users", 1, "homeSceneCity") == [("(withheld)",)] * 4


def test_an_address_in_place_of_a_scenes_city_is_withheld_and_the_scene_stays(tmp_path: Path) -> None:
    house = House(tmp_path, "communities")
    scene = {
        "name": "Punk", "slug": "punk", "memberCount": 0, "isActive": True, "city": "Bern", "state": "BE",
        "musicCommunity": "punk", "tier": "city", "createdAt": "2025-05-05 05:05:05",
    }  # fmt: skip
    scenes = [{"id": uid(4, 1)} | scene, {"id": uid(4, 2)} | scene | {"city": PLANTED}]
    house.deliver("communities", 1, scenes)
    assert house.actions() == {("communities", 1): "accepted"}
    assert house.rows("communities", 1, "city", "state") == [("Bern", "BE"), ("(withheld)", "BE")]


def test_of_a_refused_night_too_nothing_personal_is_written(tmp_path: Path) -> None:
    house = House(tmp_path, "users", max_rejected_rows=0)
    house.deliver("users", 1, [user(1), user(2, gpsVerified=f"hash-{PLANTED}", homeSceneCity=PLANTED)])
    (outcome,) = house.ingest()
    assert refusal(outcome) == (
        "1 of 2 rows were rejected; the first is row 2 of part-0000.csv, "
        "whose gpsVerified is not of type boolean"
    )
    assert [row[3:] for row in house.rejected("users", 1, ".refused")] == [
        (2, "gpsVerified", "is not of type boolean", None)
    ]
    written = house.everything_written()
    assert "gpsVerified" in written
    assert PLANTED not in written


def test_of_a_signals_metadata_only_the_band_is_kept(tmp_path: Path) -> None:
    house = House(tmp_path, "signals")
    band = uid(6, 1)
    given = [
        {"artistBandId": band, "note": PLANTED, "by": {"artistBandId": PLANTED}},
        {"artistBandId": PLANTED},
        {"note": PLANTED},
        [PLANTED],
        None,
    ]
    rows = [signal(n, metadata=value and json.dumps(value)) for n, value in enumerate(given)]
    house.deliver("signals", 1, [*rows, signal(9, metadata=f"{PLANTED} wrote this")])
    house.deliver("signals", 1, rows, "part-0001.jsonl")
    house.ingest()
    kept = [json.loads(text) if text else None for (text,) in house.rows("signals", 1, "metadata")]
    assert kept == [{"artistBandId": band}, *([{"artistBandId": None}] * 3), None] * 2
    assert [row[2:] for row in house.rejected("signals", 1)] == [
        ("part-0000.csv", 6, "metadata", "is not of type json", None)
    ]
    written = house.everything_written()
    assert band in written
    assert PLANTED not in written


BROKEN_WITH_AN_ADDRESS = {
    "too few columns": ("part-0000.csv", as_csv([act(1)]) + f"{PLANTED},x\n".encode()),
    "unterminated quote": ("part-0000.csv", as_csv([act(1)]) + f'"{PLANTED},x,y,z,0\n'.encode()),
    "text after a quote": ("part-0000.csv", as_csv([act(1)]) + f'"{PLANTED}"{PLANTED},x,y,z,0\n'.encode()),
    "not UTF-8": ("part-0000.csv", as_csv([act(1)]) + PLANTED.encode() + b"\xff,x,y,z,0\n"),
    "the header is a row": ("part-0000.csv", f"{PLANTED},x,y,z,0\n"),
    "the header is a row that repeats": ("part-0000.csv", f"{PLANTED},x,y,z,{PLANTED}\n"),
    "broken JSON": ("part-0000.jsonl", as_jsonl([act(1)]) + f'{{"email": "{PLANTED}", \n'.encode()),
    "no JSON at all": ("part-0000.jsonl", as_jsonl([act(1)]) + PLANTED.encode()),
    "JSON not UTF-8": ("part-0000.jsonl", as_jsonl([act(1)]) + f'{{"e": "{PLANTED}'.encode() + b'\xff"}\n'),
    "JSON of other columns": ("part-0000.jsonl", f'{{"{PLANTED}": "{PLANTED}"}}\n'),
    "no Parquet at all": ("part-0000.parquet", PLANTED),
    "no gzip at all": ("part-0000.csv.gz", PLANTED),
}


@pytest.mark.parametrize("kind", BROKEN_WITH_AN_ADDRESS)
def test_no_message_quotes_a_row(tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    house = House(tmp_path, "signal_actions")
    name, content = BROKEN_WITH_AN_ADDRESS[kind]
    house.deliver("signal_actions", 1, content, name)
    with caplog.at_level(logging.DEBUG):
        (outcome,) = house.ingest()
    assert outcome.action == "refused"
    assert refusal(outcome).startswith(name)
    assert refusal(outcome) in caplog.text
    written = house.everything_written()
    assert refusal(outcome) in written
    for place in (str(outcome), caplog.text, written):
        assert PLANTED not in place


# What was never delivered


def test_every_contracted_table_has_an_empty_typed_parquet(tmp_path: Path) -> None:
    house = House(tmp_path, *TABLES)
    assert house.ingest() == []
    for name in TABLES:
        for books in ("rows", "delivered", "rejected"):
            path = house.settings.raw_dir / name / "empty" / f"{books}.parquet"
            assert parquet(path, "select count(*)") == [(0,)]
    path = house.settings.raw_dir / "things" / "empty" / "rows.parquet"
    with duckdb.connect() as connection:
        described = connection.execute("describe select * from read_parquet(?)", [str(path)]).fetchall()
    assert [(column, data_type) for column, data_type, *_ in described] == [
        ("id", "UUID"), ("ownerId", "UUID"), ("kind", "VARCHAR"), ("label", "VARCHAR"), ("size", "INTEGER"),
        ("weight", "DOUBLE"), ("live", "BOOLEAN"), ("details", "VARCHAR"), ("createdAt", "TIMESTAMP"),
        ("delivery_id", "UUID"), ("night", "DATE"), ("part", "VARCHAR"), ("row_number", "BIGINT"),
        ("row_hash", "UUID"), ("tie_order", "UUID"),
    ]  # fmt: skip


def test_accepted_rows_have_the_types_of_the_empty_parquet(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, GIVEN)
    house.ingest()
    shapes = []
    with duckdb.connect() as connection:
        for folder in (house.folder("things", 1), house.settings.raw_dir / "things" / "empty"):
            path = str(folder / "rows.parquet")
            described = connection.execute("describe select * from read_parquet(?)", [path]).fetchall()
            shapes.append([row[:2] for row in described])
    assert shapes[0] == shapes[1]
    assert len(shapes[0]) == 15


def test_the_empty_parquet_follows_the_contract(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    house.ingest()
    house.tables["things"] = with_column(THINGS, "colour")
    house.ingest()
    path = house.settings.raw_dir / "things" / "empty" / "rows.parquet"
    assert parquet(path, "select colour") == []


# What was already ingested is recognised


def with_column(table: Table, name: str) -> Table:
    """The contract after it gained a column that may be null."""
    return dataclasses.replace(table, columns=(*table.columns, column(name, "varchar", nullable=True)))


def standing(folder: Path) -> dict[str, tuple[int, int]]:
    """Which files stand in a folder: a file written anew is another one."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.iterdir()}


def test_a_second_delivery_of_the_same_costs_nothing(tmp_path: Path) -> None:
    house = House(tmp_path, "things", "signals")
    house.deliver("things", 1, GIVEN)
    house.deliver("signals", 1, [signal(1)], "part-0000.jsonl.gz")
    assert house.actions() == {("signals", 1): "accepted", ("things", 1): "accepted"}
    before = standing(house.folder("things", 1))
    assert before.keys() == {"rows.parquet", "rejected.parquet", "delivered.parquet"}
    house.deliver("things", 1, GIVEN)
    assert house.actions() == {("signals", 1): "known", ("things", 1): "known"}
    assert standing(house.folder("things", 1)) == before


def test_a_known_night_still_says_how_many_rows_it_has(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1), thing(2, kind="odd")])
    house.ingest()
    (outcome,) = house.ingest()
    assert (outcome.action, outcome.rows, outcome.rejected) == ("known", 2, 1)


def test_a_night_asked_for_is_read_again_and_no_other(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1)])
    house.deliver("things", 2, [thing(2)])
    house.ingest()
    assert house.actions(again=[march(2)]) == {("things", 1): "known", ("things", 2): "accepted"}


def test_corrected_content_replaces_the_night(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1), thing(2)])
    house.deliver("things", 2, [thing(3)])
    house.ingest()
    house.deliver("things", 1, [thing(1, label="corrected")])
    assert house.actions() == {("things", 1): "accepted", ("things", 2): "known"}
    assert house.rows("things", 1, "size", "label") == [(1, "corrected")]
    assert house.delivered("things", 1) == [("part-0000.csv", "accepted", None, 1, 0)]


def test_a_part_that_was_added_or_taken_away_replaces_the_night(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1)])
    house.ingest()
    added = house.deliver("things", 1, [thing(2)], "part-0001.parquet")
    assert house.actions() == {("things", 1): "accepted"}
    assert house.rows("things", 1, "size") == [(1,), (2,)]
    added.unlink()
    assert house.actions() == {("things", 1): "accepted"}
    assert house.rows("things", 1, "size") == [(1,)]


def test_a_part_under_another_name_replaces_the_night(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    path = house.deliver("things", 1, [thing(1)])
    house.ingest()
    path.rename(path.with_name("part-0007.csv"))
    assert house.actions() == {("things", 1): "accepted"}
    assert house.rows("things", 1, "size", "part") == [(1, "part-0007.csv")]


def test_a_delivery_that_is_gone_from_the_exports_stays_in_raw(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1)])
    house.ingest()
    shutil.rmtree(house.settings.exports_dir)
    assert house.actions() == {}
    assert house.rows("things", 1, "size") == [(1,)]
    assert known_parts(house.settings).keys() == {("things", march(1))}


def test_a_contract_that_gained_a_column_reads_again_only_that_table(tmp_path: Path) -> None:
    house = House(tmp_path, "things", "signals")
    house.deliver("signals", 1, [signal(1)])
    house.deliver("things", 1, [thing(1) | {"colour": "red"}, thing(2) | {"colour": None}])
    house.deliver("things", 2, [thing(3)])
    house.ingest()
    house.tables["things"] = with_column(THINGS, "colour")
    assert house.actions() == {("signals", 1): "known", ("things", 1): "accepted", ("things", 2): "accepted"}
    assert house.rows("things", 1, "size", "colour") == [(1, "red"), (2, None)]
    assert house.rows("things", 2, "size", "colour") == [(3, None)]
    assert set(house.actions().values()) == {"known"}


# What another reader read


def everything_in(house: House, table: str) -> dict[str, list[tuple[Any, ...]]]:
    """All that stands in raw of a table, by file."""
    folder = house.settings.raw_dir / table
    return {
        str(path.relative_to(folder)): parquet(path, "select *", "order by all")
        for path in sorted(folder.glob("2*/*.parquet"))
    }


def test_what_another_reader_read_is_read_again_and_no_more_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path, "things", "signals")
    house.deliver("things", 1, [thing(1)])
    house.deliver("signals", 2, [signal(1)])
    with monkeypatch.context() as earlier:
        earlier.setattr(ingestion, "READER", "an earlier one")
        house.ingest()
        assert house.actions() == {("things", 1): "known", ("signals", 2): "known"}
    assert house.actions() == {("things", 1): "accepted", ("signals", 2): "accepted"}
    assert house.actions() == {("things", 1): "known", ("signals", 2): "known"}


def test_an_upgraded_warehouse_holds_what_a_fresh_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An earlier reader let addresses pass, and keys given twice; one night was refused by both."""
    upgraded = House(tmp_path / "upgraded", "users", "things")
    upgraded.deliver("users", 1, [user(1, homeSceneCity=PLANTED), user(2)])
    upgraded.deliver("things", 1, [thing(1, label="kept")])
    twice = as_jsonl([thing(2)]).replace(b'"thing 2"', b'"one", "label": "two"')
    upgraded.deliver("things", 2, twice, "part-0000.jsonl")
    upgraded.deliver("things", 3, "id\n")
    with monkeypatch.context() as earlier:
        earlier.setattr(ingestion, "READER", "an earlier one")
        earlier.setattr(reading, "PERSONAL_TEXT", "nothing is")
        earlier.setattr(reading, "_repeats_a_key", lambda *_: "false")
        upgraded.ingest()
    assert upgraded.rows("users", 1, "homeSceneCity") == [(PLANTED,), ("Bern",)]
    assert upgraded.rows("things", 2, "label") == [("one",)]
    assert upgraded.actions() == {
        ("things", 1): "accepted",
        ("users", 1): "accepted",
        ("things", 2): "refused",
        ("things", 3): "refused",
    }
    fresh = House(tmp_path / "fresh", "users", "things")
    shutil.copytree(upgraded.settings.exports_dir, fresh.settings.exports_dir)
    fresh.ingest()
    for table in fresh.tables:
        assert everything_in(upgraded, table) == everything_in(fresh, table)
    assert upgraded.rows("users", 1, "homeSceneCity") == [("(withheld)",), ("Bern",)]
    assert not upgraded.folder("things", 2).exists()


def test_what_was_read_otherwise_and_is_gone_from_the_exports_stays_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path, "things", "signals")
    with monkeypatch.context() as earlier:
        earlier.setattr(ingestion, "READER", "an earlier one")
        for day in (1, 2, 3, 4):
            house.deliver("things", day, [thing(day)])
        house.deliver("signals", 1, [signal(1)])
        house.ingest()
        assert left_behind(house.settings, house.tables) == {}
    for day in (1, 2):
        shutil.rmtree(house.settings.exports_dir / "things" / str(march(day)))
    (house.settings.exports_dir / "things" / str(march(3)) / "part-0000.csv").rename(
        house.settings.exports_dir / "things" / str(march(3)) / "_part-0000.csv"
    )
    house.ingest()
    assert left_behind(house.settings, house.tables) == {"things": ["2026-03-01", "2026-03-02", "2026-03-03"]}
    assert house.rows("things", 1, "size") == [(1,)]
    # Of what this reader read, too, once the contract is another.
    shutil.rmtree(house.settings.exports_dir)
    assert left_behind(house.settings, house.tables).keys() == {"things"}
    house.tables["signals"] = with_column(TABLES["signals"], "colour")
    assert left_behind(house.settings, house.tables)["signals"] == ["2026-03-01"]


@pytest.mark.parametrize("contract_too", [False, True], ids=["reader", "reader and contract"])
def test_a_night_that_is_refused_now_leaves_raw_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, contract_too: bool
) -> None:
    """A fresh warehouse would not have it; here the reader before let a key pass that was given twice."""
    house = House(tmp_path, "things")
    twice = as_jsonl([thing(1)]).replace(b'"thing 1"', b'"one", "label": "two"')
    house.deliver("things", 1, twice, "part-0000.jsonl")
    with monkeypatch.context() as earlier:
        earlier.setattr(ingestion, "READER", "an earlier one")
        earlier.setattr(reading, "_repeats_a_key", lambda *_: "false")
        assert house.actions() == {("things", 1): "accepted"}
    if contract_too:
        house.tables["things"] = with_column(THINGS, "colour")
    assert house.actions() == {("things", 1): "refused"}
    assert not house.folder("things", 1).exists()
    assert "; it was accepted before, and its rows leave the warehouse" in caplog.text
    caplog.clear()
    assert house.actions() == {("things", 1): "refused"}
    assert "leave the warehouse" not in caplog.text


def test_what_was_read_otherwise_and_has_a_refused_correction_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands is gone from the exports, although something of that night is there."""
    house = House(tmp_path, "things")
    with monkeypatch.context() as earlier:
        earlier.setattr(ingestion, "READER", "an earlier one")
        house.deliver("things", 1, [thing(1)])
        house.ingest()
    house.deliver("things", 1, "id\n")
    assert house.actions() == {("things", 1): "refused"}
    assert house.rows("things", 1, "size") == [(1,)]
    assert left_behind(house.settings, house.tables) == {"things": ["2026-03-01"]}
    house.deliver("things", 1, [thing(2)])
    assert house.actions() == {("things", 1): "accepted"}
    assert left_behind(house.settings, house.tables) == {}


def test_what_was_read_before_readers_were_told_apart_is_read_again(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1)])
    house.ingest()
    for path in house.settings.raw_dir.glob("things/*/delivered.parquet"):
        with duckdb.connect() as connection:
            connection.read_parquet(str(path)).select("* exclude (reader)").create("account")
            connection.table("account").write_parquet(str(path))
    assert list(known_parts(house.settings)) == [("things", march(1))]
    shutil.move(house.settings.exports_dir, tmp_path / "away")
    assert left_behind(house.settings, house.tables) == {"things": ["2026-03-01"]}
    shutil.move(tmp_path / "away", house.settings.exports_dir)
    assert house.actions() == {("things", 1): "accepted"}
    assert house.actions() == {("things", 1): "known"}


def test_what_is_read_otherwise_has_the_warehouse_built_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1)])
    house.ingest()
    house.settings.warehouse_file.touch()
    house.deliver("things", 2, [thing(2)])
    house.deliver("things", 1, [thing(1, label="corrected")])
    house.ingest()
    assert house.settings.warehouse_file.exists()  # other deliveries show in the account
    monkeypatch.setattr(ingestion, "READER", "a later one")
    assert house.actions() == {("things", 1): "accepted", ("things", 2): "accepted"}
    assert not house.settings.warehouse_file.exists()
    house.settings.warehouse_file.touch()
    house.ingest(again=[march(2)])
    assert not house.settings.warehouse_file.exists()


# What refuses a night

GOOD_CSV = as_csv([act(1), act(2)])
GOOD_JSONL = as_jsonl([act(1), act(2)])
GOOD_PARQUET = as_parquet([act(1), act(2)])
WITHOUT_USER = [{k: v for k, v in act(1).items() if k != "userId"}]
REFUSALS = [
    (
        "part-0000.csv.gz", gzip.compress(GOOD_CSV, mtime=0)[:-9],
        "is truncated or damaged: it cannot be unpacked",
    ),
    ("part-0000.csv.gz", GOOD_CSV, "is truncated or damaged: it cannot be unpacked"),
    ("part-0000.csv.gz", b"", "is truncated or damaged: it cannot be unpacked"),
    (
        "part-0000.jsonl.gz", gzip.compress(GOOD_JSONL, mtime=0)[:-9],
        "is truncated or damaged: it cannot be unpacked",
    ),
    ("part-0000.jsonl.gz", b"", "is truncated or damaged: it cannot be unpacked"),
    (
        "part-0000.parquet", GOOD_PARQUET[: len(GOOD_PARQUET) // 2],
        "cannot be read as Parquet: truncated, damaged or something else",
    ),
    ("part-0000.parquet", b"", "cannot be read as Parquet: truncated, damaged or something else"),
    ("part-0000.parquet", GOOD_CSV, "cannot be read as Parquet: truncated, damaged or something else"),
    ("part-0000.parquet", GOOD_PARQUET[:4] + bytes(40) + GOOD_PARQUET[44:], "cannot be read: it is damaged"),
    (
        "part-0000.csv", GOOD_CSV + b"x,y\n",
        "cannot be read at line 4: Expected Number of Columns: 5 Found: 2",
    ),
    (
        "part-0000.csv", as_csv([act(1, type="A\nD\r\nD")]) + b"\n1,2,3,4,5,6\n",
        "cannot be read at line 6: Expected Number of Columns: 5 Found: 6",
    ),
    ("part-0000.csv", GOOD_CSV[:-40], "is half-written: line 3, its last, has no line break at its end"),
    ("part-0000.csv", GOOD_CSV[:-1], "is half-written: line 3, its last, has no line break at its end"),
    ("part-0000.csv", GOOD_CSV[:20], "is half-written: line 1, its last, has no line break at its end"),
    (
        "part-0000.csv.gz", gzip.compress(GOOD_CSV + b"x,y\n", mtime=0),
        "cannot be read at line 4: Expected Number of Columns: 5 Found: 2",
    ),
    ("part-0000.csv", GOOD_CSV + b'"x,y,z,0\n', "cannot be read at line 4: unterminated quote"),
    (
        "part-0000.csv", as_csv([act(1, type="A\nD\nD"), act(2, type="x\ny")]).partition(b"x\ny")[0],
        "cannot be read at line 5: unterminated quote",
    ),
    ("part-0000.csv", GOOD_CSV + b'x,"y"z,,,\n' + GOOD_CSV, "cannot be read at line 4: unterminated quote"),
    ("part-0000.csv", GOOD_CSV + b"x\ry,,,,\n", "cannot be read: it is damaged"),
    ("part-0000.csv", GOOD_CSV + b"caf\xe9,,,,\n", "cannot be read at line 4: it is not UTF-8"),
    ("part-0000.csv", GOOD_CSV.decode().encode("utf-16"), "cannot be read at line 1: it is not UTF-8"),
    (
        "part-0000.csv", GOOD_CSV + b"x" * 2_000_001 + b",,,,\n",
        "cannot be read at line 4: Maximum line size of 2000000 bytes exceeded",
    ),
    ("part-0000.csv", b'"' + b"x" * 200_000 + b'",b\n', "cannot be read at line 1: the header is not CSV"),
    ("part-0000.csv", b"", "is empty: not even a header line"),
    ("part-0000.csv", b"\n", "is empty: not even a header line"),
    ("part-0000.csv.gz", gzip.compress(b"", mtime=0), "is empty: not even a header line"),
    ("part-0000.csv", b"id,type,userId,type\n", "gives columns 2 and 4 the same name in line 1"),
    ("part-0000.csv", as_csv(WITHOUT_USER), "lacks the required column userId"),
    ("part-0000.csv", b"type,userId\n", "lacks the required column id, signalId, createdAt"),
    ("part-0000.csv", GOOD_CSV.replace(b"userId", b"userid"), "lacks the required column userId"),
    ("part-0000.jsonl", as_jsonl(WITHOUT_USER), "lacks the required column userId"),
    ("part-0000.parquet", as_parquet(WITHOUT_USER), "lacks the required column userId"),
    ("part-0000.jsonl", GOOD_JSONL + b'{"id": \n', "cannot be read at line 3: it is not JSON"),
    ("part-0000.jsonl", GOOD_JSONL[:-9], "cannot be read at line 2: it is not JSON"),
    ("part-0000.jsonl", GOOD_JSONL + b"\n\n{]\n" + GOOD_JSONL, "cannot be read at line 5: it is not JSON"),
    ("part-0000.jsonl", b"\xef\xbb\xbf" + GOOD_JSONL, "cannot be read at line 1: it is not JSON"),
    ("part-0000.jsonl", GOOD_JSONL + b'{"id": "\xff"}\n', "cannot be read at line 3: it is not UTF-8"),
    (
        "part-0000.jsonl.gz", gzip.compress(GOOD_JSONL + b"x\n", mtime=0),
        "cannot be read at line 3: it is not JSON",
    ),
    ("part-0000.txt", GOOD_CSV, "is in none of the formats csv, csv.gz, jsonl, jsonl.gz, parquet"),
    ("part-0000.csv.zip", GOOD_CSV, "is in none of the formats csv, csv.gz, jsonl, jsonl.gz, parquet"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "message"), REFUSALS)
def test_a_part_that_cannot_be_read_refuses_the_night(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    house = House(tmp_path, "signal_actions")
    house.deliver("signal_actions", 1, content, name)
    (outcome,) = house.ingest()
    assert (outcome.action, refusal(outcome)) == ("refused", f"{name} {message}")
    assert house.delivered("signal_actions", 1, ".refused") == [
        (name, "refused", f"{name} {message}", None, None)
    ]
    assert not house.folder("signal_actions", 1).exists()


def test_one_bad_part_refuses_the_whole_night_and_no_other(tmp_path: Path) -> None:
    house = House(tmp_path, "signal_actions", "things")
    house.deliver("signal_actions", 1, [act(1), act(2)], "part-0000.jsonl")
    house.deliver("signal_actions", 1, GOOD_CSV + b"x\n", "part-0001.csv")
    house.deliver("signal_actions", 2, [act(3)])
    house.deliver("things", 1, [thing(1)])
    assert house.actions() == {
        ("signal_actions", 1): "refused", ("things", 1): "accepted", ("signal_actions", 2): "accepted",
    }  # fmt: skip
    reason = "part-0001.csv cannot be read at line 4: Expected Number of Columns: 5 Found: 1"
    assert house.delivered("signal_actions", 1, ".refused") == [
        ("part-0000.jsonl", "refused", reason, 2, 0),
        ("part-0001.csv", "refused", reason, None, None),
    ]
    assert not (house.folder("signal_actions", 1, ".refused") / "rows.parquet").exists()


@pytest.mark.parametrize(
    ("record", "count", "tail", "found"),
    [
        pytest.param(b'"' + b"1,2\n" * 1000 + b'",2\n', 2247, b"", (2247, 2247), id="all rows are good"),
        pytest.param(
            b'"' + b"x\n" * 10 + b'",2\n', 320_000, b"3\n",
            "part-0000.csv cannot be read at line 3520002: Expected Number of Columns: 2 Found: 1",
            id="the last row is bad",
        ),
    ],
)  # fmt: skip
def test_a_large_csv_of_quoted_line_breaks_is_read_as_it_is(
    tmp_path: Path, record: bytes, count: int, tail: bytes, found: Any
) -> None:
    house = House(tmp_path)
    columns = (column("text", "varchar"), column("number", "integer"))
    house.tables["texts"] = dataclasses.replace(
        THINGS, name="texts", kind="snapshot", event_time=None, columns=columns, row_checks=()
    )
    house.deliver("texts", 1, b"text,number\n" + record * count + tail)
    (outcome,) = house.ingest()
    if outcome.action == "accepted":
        assert found == (outcome.rows, len(house.rows("texts", 1, "row_number")))
    else:
        assert found == refusal(outcome)


def test_a_broken_csv_of_more_columns_than_are_read_leaves_the_other_tables_alone(tmp_path: Path) -> None:
    house = House(tmp_path, "signal_actions", "users")
    house.deliver("users", 1, as_csv(users(20)).replace(b"20.planted", b"20.pl\xffnted"))
    house.deliver("signal_actions", 2, [act(1)])
    refused, accepted = house.ingest()
    assert refusal(refused) == "part-0000.csv cannot be read at line 21: it is not UTF-8"
    assert (accepted.action, accepted.rows) == ("accepted", 1)


def test_parts_of_one_size_are_each_read_by_their_own_columns(tmp_path: Path) -> None:
    """DuckDB keeps what it has read of a file, and may take the next one at its place for it."""
    house = House(tmp_path, "things")
    turned = thing(1) | {"ownerId": uid(1, 2), "id": uid(2, 2)}
    names = list(THING_COLUMNS)
    names[:2] = ["ownerId", "id"]
    house.deliver("things", 1, [thing(1)], "part-0000.parquet")
    house.deliver("things", 1, [{name: turned[name] for name in names}], "part-0001.parquet")
    (outcome,) = house.ingest()
    assert len({path.stat().st_size for path in outcome.night.parts}) == 1
    assert house.rows("things", 1, "id") == [(uuid.UUID(uid(1, 1)),), (uuid.UUID(uid(2, 2)),)]


def test_a_part_that_vanished_refuses_the_night(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    path = house.deliver("things", 1, GIVEN)
    recover(house.settings, house.tables)
    nights = delivered_nights(house.settings.exports_dir, house.tables)
    path.unlink()
    (outcome,) = ingest(house.settings, house.tables, nights)
    assert refusal(outcome) == "part-0000.csv cannot be read: No such file or directory"


def test_a_part_that_changes_while_it_is_read_is_not_taken(tmp_path: Path) -> None:
    path = write_part(tmp_path, "things", march(1), as_csv(GIVEN))
    with duckdb.connect() as connection, pytest.raises(RefusedError) as error:
        read_part(
            connection, THINGS, march(1), path, hashlib.sha256(b"as it was").hexdigest(), tmp_path, 1 << 30
        )
    assert str(error.value) == "part-0000.csv changed while it was read; it is read again at the next run"


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            {"part-0000.csv": {"rows": 2}, "part-0001.csv": {"rows": 5}},
            "part-0001.csv is listed in _manifest.json but not there",
        ),
        ({}, "part-0000.csv is not listed in _manifest.json but there"),
        ({"part-0000.csv": {"rows": 3}}, "part-0000.csv disagrees with _manifest.json: rows is 2, not 3"),
        (
            {"part-0000.csv": {"rows": 2, "sha256": "0" * 64}},
            f"part-0000.csv disagrees with _manifest.json: sha256 is {hashlib.sha256(GOOD_CSV).hexdigest()}, "
            f"not {'0' * 64}",
        ),
        (None, "_manifest.json cannot be read as a manifest"),
    ],
    ids=["a part is missing", "a part too many", "rows", "checksum", "broken"],
)
def test_a_night_that_disagrees_with_its_manifest_is_refused(
    tmp_path: Path, parts: dict[str, Any] | None, message: str
) -> None:
    house = House(tmp_path, "signal_actions")
    house.deliver("signal_actions", 1, GOOD_CSV)
    house.deliver("signal_actions", 1, json.dumps({"parts": parts}), "_manifest.json")
    (outcome,) = house.ingest()
    assert (outcome.action, refusal(outcome)) == ("refused", message)


@pytest.mark.parametrize("in_letters", [str.lower, str.upper])
def test_a_night_that_agrees_with_its_manifest_is_accepted(
    tmp_path: Path, in_letters: Callable[[str], str]
) -> None:
    house = House(tmp_path, "signal_actions")
    content = as_csv([act(1), act(2, type="odd"), act(3)])
    house.deliver("signal_actions", 1, content)
    sha256 = hashlib.sha256(content).hexdigest()
    manifest = {"parts": {"part-0000.csv": {"rows": 3, "sha256": in_letters(sha256)}}}
    house.deliver("signal_actions", 1, json.dumps(manifest), "_manifest.json")
    (outcome,) = house.ingest()
    assert (outcome.action, outcome.rows, outcome.rejected) == ("accepted", 3, 1)


def test_a_half_written_night_is_accepted_once_it_is_whole(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    manifest = {"parts": {"part-0000.csv": {"rows": 1}, "part-0001.csv": {"rows": 1}}}
    house.deliver("things", 1, json.dumps(manifest), "_manifest.json")
    assert house.actions() == {("things", 1): "refused"}
    reason = "part-0000.csv is listed in _manifest.json but not there"
    assert house.delivered("things", 1, ".refused") == [("_manifest.json", "refused", reason, None, None)]
    house.deliver("things", 1, [thing(1)])
    assert house.actions() == {("things", 1): "refused"}
    house.deliver("things", 1, [thing(2)], "part-0001.csv")
    assert house.actions() == {("things", 1): "accepted"}
    assert house.rows("things", 1, "size") == [(1,), (2,)]


# Too many rejected rows


def acts(count: int, bad: int, first: int = 1) -> list[dict[str, Any]]:
    """That many acts, the first of them bad."""
    return [act(n, type="odd" if n < first + bad else "ADD") for n in range(first, first + count)]


@pytest.mark.parametrize(
    ("bad", "count", "action"),
    [
        pytest.param(10, 100, "accepted", id="ten are never too many"),
        pytest.param(10, 10, "accepted", id="even if none is left"),
        pytest.param(11, 1100, "accepted", id="eleven are exactly one percent"),
        pytest.param(11, 1099, "refused", id="eleven are just over one percent"),
        pytest.param(11, 1000, "refused", id="eleven are over one percent"),
    ],
)
def test_more_than_ten_and_more_than_one_percent_of_rejected_rows_refuse_the_night(
    tmp_path: Path, bad: int, count: int, action: str
) -> None:
    house = House(tmp_path, "signal_actions")
    house.deliver("signal_actions", 1, acts(count, bad))
    (outcome,) = house.ingest()
    assert (outcome.action, outcome.rows, outcome.rejected) == (action, count, bad)
    if action == "accepted":
        assert house.rows("signal_actions", 1, "row_number") == [(n,) for n in range(bad + 1, count + 1)]
        assert len(house.rejected("signal_actions", 1)) == bad
    else:
        assert refusal(outcome) == (
            f"11 of {count} rows were rejected; the first is row 1 of part-0000.csv, "
            "whose type is not one of ADD, BLAST, RECOMMEND, SUPPORT"
        )
        assert len(house.rejected("signal_actions", 1, ".refused")) == bad


def test_the_limit_counts_the_rows_of_all_parts_together(tmp_path: Path) -> None:
    house = House(tmp_path, "signal_actions")
    house.deliver("signal_actions", 1, [*acts(500, 0), act(501, userId="x")], "part-0000.csv")
    house.deliver("signal_actions", 1, acts(100, 10, first=600), "part-0001.jsonl")
    (outcome,) = house.ingest()
    assert refusal(outcome) == (
        "11 of 601 rows were rejected; the first is row 501 of part-0000.csv, "
        "whose userId is not of type uuid"
    )
    assert [part[3:] for part in house.delivered("signal_actions", 1, ".refused")] == [(501, 1), (100, 10)]


@pytest.mark.parametrize(
    ("limits", "action"),
    [
        ({"max_rejected_rows": 2, "max_rejected_share": 0.01}, "refused"),
        ({"max_rejected_rows": 3, "max_rejected_share": 0.01}, "accepted"),
        ({"max_rejected_rows": 2, "max_rejected_share": 0.1}, "accepted"),
        ({"max_rejected_rows": 0, "max_rejected_share": 0.09}, "refused"),
    ],
)
def test_both_limits_can_be_configured(tmp_path: Path, limits: dict[str, Any], action: str) -> None:
    house = House(tmp_path, "signal_actions", **limits)
    house.deliver("signal_actions", 1, acts(30, 3))
    assert house.actions() == {("signal_actions", 1): action}


# A refused night, and what is already there


def test_a_refused_correction_leaves_what_was_accepted_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1), thing(2)])
    house.ingest()
    before = standing(house.folder("things", 1))
    house.deliver("things", 1, "id,size\n")
    assert house.actions() == {("things", 1): "refused"}
    assert standing(house.folder("things", 1)) == before
    assert house.rows("things", 1, "size") == [(1,), (2,)]
    reason = "part-0000.csv lacks the required column kind, live, createdAt"
    assert house.delivered("things", 1, ".refused") == [("part-0000.csv", "refused", reason, None, None)]
    assert f"refused things 2026-03-01: {reason}; what was delivered before stays" in caplog.text


def test_a_part_that_stands_is_accounted_for_again_where_it_is_refused_beside_a_broken_one(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, "signal_actions")
    house.deliver("signal_actions", 1, [act(1), act(2, type="odd")])
    house.deliver("signal_actions", 1, [act(3)], "part-0001.csv")
    assert house.actions() == {("signal_actions", 1): "accepted"}
    house.deliver("signal_actions", 1, "id\n", "part-0001.csv")
    for _ in range(2):
        assert house.actions() == {("signal_actions", 1): "refused"}
    ids = {}
    for suffix in ("", ".refused"):
        folder = house.folder("signal_actions", 1, suffix)
        accounts = dict(parquet(folder / "delivered.parquet", "select part, delivery_id"))
        assert accounts.keys() == {"part-0000.csv", "part-0001.csv"}
        rejected = parquet(folder / "rejected.parquet", "select part, delivery_id, column_name")
        assert rejected == [("part-0000.csv", accounts["part-0000.csv"], "type")]
        ids[suffix] = set(accounts.values())
    assert not ids[""] & ids[".refused"]


def test_a_refused_night_is_refused_again_until_it_is_good(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, "id,size\n")
    assert house.actions() == {("things", 1): "refused"}
    assert house.actions() == {("things", 1): "refused"}
    house.deliver("things", 1, [thing(1)])
    assert house.actions() == {("things", 1): "accepted"}
    assert house.rows("things", 1, "size") == [(1,)]
    assert not house.folder("things", 1, ".refused").exists()


def test_the_accepted_content_delivered_again_clears_the_refused_record(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1)])
    house.ingest()
    house.deliver("things", 1, "id,size\n")
    assert house.actions() == {("things", 1): "refused"}
    assert house.folder("things", 1, ".refused").exists()
    house.deliver("things", 1, [thing(1)])
    assert house.actions() == {("things", 1): "known"}
    assert not house.folder("things", 1, ".refused").exists()


def test_only_accepted_parts_are_known(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1)])
    house.deliver("things", 2, "id,size\n")
    house.ingest()
    known = known_parts(house.settings)
    assert {place: [part.name for part in parts] for place, parts in known.items()} == {
        ("things", march(1)): ["part-0000.csv"]
    }


# A truncated snapshot must not look like a mass departure


def departure_message(departed: int, people: int, before: int, night: int) -> str:
    """What a refused snapshot of users says."""
    return (
        f"{departed} of the {people} users of 2026-03-0{before} are missing; if they really left, "
        f"run again with --confirm-departures 2026-03-0{night}"
    )


@pytest.mark.parametrize(
    ("left", "action"), [(0, "accepted"), (2, "accepted"), (3, "refused"), (199, "refused")]
)
def test_a_snapshot_that_lost_more_than_one_percent_of_the_members_is_refused(
    tmp_path: Path, left: int, action: str
) -> None:
    house = House(tmp_path, "users")
    house.deliver("users", 1, users(200))
    house.deliver("users", 2, users(200 - left, first=1 + left))
    first, second = house.ingest()
    assert (first.action, second.action) == ("accepted", action)
    if action == "refused":
        assert refusal(second) == departure_message(left, 200, before=1, night=2)


def test_people_are_counted_not_rows(tmp_path: Path) -> None:
    house = House(tmp_path, "users")
    house.deliver("users", 1, users(200))
    house.deliver("users", 2, users(400, first=4))
    _, outcome = house.ingest()
    assert refusal(outcome) == departure_message(3, 200, before=1, night=2)


def test_the_share_that_may_leave_can_be_configured(tmp_path: Path) -> None:
    house = House(tmp_path, "users", max_departed_share=0.5)
    house.deliver("users", 1, users(4))
    house.deliver("users", 2, users(2))
    house.deliver("users", 3, users(1))
    house.deliver("users", 4, users(1, first=9))
    assert house.actions() == {
        ("users", 1): "accepted", ("users", 2): "accepted", ("users", 3): "accepted", ("users", 4): "refused",
    }  # fmt: skip


def test_other_snapshots_may_shrink(tmp_path: Path) -> None:
    house = House(tmp_path, "signals")
    house.deliver("signals", 1, [signal(n) for n in range(200)])
    house.deliver("signals", 2, [signal(1)])
    assert house.actions() == {("signals", 1): "accepted", ("signals", 2): "accepted"}


def test_a_snapshot_is_compared_with_the_last_accepted_one_before_it(tmp_path: Path) -> None:
    house = House(tmp_path, "users")
    house.deliver("users", 1, users(200))
    house.deliver("users", 3, users(90))
    house.deliver("users", 7, users(100))
    first, second, third = house.ingest()
    assert first.action == "accepted"
    assert refusal(second) == departure_message(110, 200, before=1, night=3)
    assert refusal(third) == departure_message(100, 200, before=1, night=7)


def test_a_confirmed_departure_is_accepted_and_what_follows_is_compared_with_it(tmp_path: Path) -> None:
    house = House(tmp_path, "users")
    house.deliver("users", 1, users(200))
    house.deliver("users", 2, users(100))
    house.deliver("users", 3, users(100))
    refused = house.actions(confirmed_departures=[march(3)])
    assert refused == {("users", 1): "accepted", ("users", 2): "refused", ("users", 3): "accepted"}
    accepted = house.actions(confirmed_departures=[march(2)])
    assert accepted == {("users", 1): "known", ("users", 2): "accepted", ("users", 3): "accepted"}
    assert len(house.rows("users", 2, "id")) == 100
    assert set(house.actions().values()) == {"known"}


def test_a_confirmed_departure_stays_confirmed_when_it_is_read_again(tmp_path: Path) -> None:
    house = House(tmp_path, "users")
    house.deliver("users", 1, users(200))
    house.deliver("users", 2, users(100))
    assert house.actions(confirmed_departures=[march(2)])["users", 2] == "accepted"
    assert house.actions(again=[march(2)])["users", 2] == "accepted"
    house.tables["users"] = with_column(TABLES["users"], "colour")
    assert house.actions() == {("users", 1): "accepted", ("users", 2): "accepted"}


def test_other_content_of_a_confirmed_night_is_judged_anew(tmp_path: Path) -> None:
    house = House(tmp_path, "users")
    house.deliver("users", 1, users(200))
    house.deliver("users", 2, users(100))
    house.ingest(confirmed_departures=[march(2)])
    house.deliver("users", 2, users(50))
    _, outcome = house.ingest()
    assert refusal(outcome) == departure_message(150, 200, before=1, night=2)
    assert len(house.rows("users", 2, "id")) == 100


def test_a_late_snapshot_between_two_others_has_the_following_one_judged_anew(tmp_path: Path) -> None:
    house = House(tmp_path, "users")
    house.deliver("users", 1, users(200))
    house.deliver("users", 3, users(200))
    house.ingest()
    house.deliver("users", 2, users(300))
    known, late, following = house.ingest()
    assert (known.action, late.action, following.action) == ("known", "accepted", "refused")
    assert refusal(following) == departure_message(100, 300, before=2, night=3)
    assert not house.folder("users", 3).exists()
    assert house.delivered("users", 3, ".refused") == [
        ("part-0000.csv", "refused", departure_message(100, 300, before=2, night=3), 200, 0)
    ]
    assert [(o.night.date.day, o.action) for o in house.ingest()] == [
        (1, "known"),
        (2, "known"),
        (3, "refused"),
    ]


def test_after_a_snapshot_that_no_longer_stands_the_next_is_compared_with_the_one_before(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, "users")
    for day in (1, 3, 4):
        house.deliver("users", day, users(200 + day))
    house.ingest()
    house.deliver("users", 2, users(300))
    _, _, third, fourth = house.ingest()
    assert refusal(third) == departure_message(97, 300, before=2, night=3)
    assert refusal(fourth) == departure_message(96, 300, before=2, night=4)
    assert known_parts(house.settings).keys() == {("users", march(1)), ("users", march(2))}


def test_only_the_snapshot_after_a_late_one_is_judged_anew(tmp_path: Path) -> None:
    house = House(tmp_path, "users")
    for day in (1, 3, 4):
        house.deliver("users", day, users(200 + day))
    house.ingest()
    house.deliver("users", 2, users(202))
    assert house.actions() == {
        ("users", 1): "known", ("users", 2): "accepted", ("users", 3): "accepted", ("users", 4): "known",
    }  # fmt: skip


def test_a_confirmed_departure_stays_confirmed_when_a_late_snapshot_has_it_judged_anew(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, "users")
    house.deliver("users", 1, users(200))
    house.deliver("users", 3, users(100))
    house.ingest(confirmed_departures=[march(3)])
    house.deliver("users", 2, users(199))
    assert house.actions() == {("users", 1): "known", ("users", 2): "accepted", ("users", 3): "accepted"}


# Rejected rows

TYPE_ERRORS = [
    ("id", "17", "is not of type uuid"),
    ("id", uid(1, 9).replace("-", ""), "is not of type uuid"),
    ("id", uid(1, 9) + "0", "is not of type uuid"),
    ("size", "many", "is not of type integer"),
    ("size", "1.5", "is not of type integer"),
    ("size", "2147483648", "is not of type integer"),
    ("weight", "heavy", "is not of type double"),
    ("weight", "1,5", "is not of type double"),
    ("weight", "NaN", "is not of type double"),
    ("live", "yes", "is not of type boolean"),
    ("live", "1", "is not of type boolean"),
    ("details", "plain text", "is not of type json"),
    ("createdAt", "yesterday", "is not of type timestamp"),
    ("createdAt", "2026-02-30 10:00:00", "is not of type timestamp"),
    ("createdAt", "2026-03-01", "is not of type timestamp"),
    ("createdAt", "2026-03-01T10:00:00+02:00", "is not of type timestamp"),
    ("createdAt", "1772359200", "is not of type timestamp"),
]
ROW_ERRORS = [
    *((name, None, "is null") for name in ("id", "kind", "size", "live", "createdAt")),
    ("kind", "deafening", "is not one of loud, quiet"),
    ("kind", "LOUD", "is not one of loud, quiet"),
    ("kind", "", "is not one of loud, quiet"),
    ("size", "-1", "is negative"),
    ("createdAt", "2026-03-02 00:00:00", "lies after the end of its night"),
    ("createdAt", "2026-03-05 10:00:00", "lies after the end of its night"),
]


@pytest.mark.parametrize(("column", "value", "reason"), TYPE_ERRORS + ROW_ERRORS)
def test_a_bad_row_is_rejected_and_the_others_are_all_there(
    tmp_path: Path, column: str, value: str | None, reason: str
) -> None:
    house = House(tmp_path, "things")
    house.deliver(
        "things", 1, [thing(1), thing(2, label="two\nlines"), thing(3, **{column: value}), thing(4)]
    )
    (outcome,) = house.ingest()
    assert (outcome.action, outcome.rows, outcome.rejected) == ("accepted", 4, 1)
    assert house.rejected("things", 1) == [("things", march(1), "part-0000.csv", 3, column, reason, value)]
    assert house.rows("things", 1, "size", "row_number") == [(1, 1), (2, 2), (4, 4)]


@pytest.mark.parametrize(
    "value", [f"ann@{PLANTED}", "$2b$12$not-a-hash", '{"open": ', "word " * 13, "two\nlines"]
)
def test_an_offending_value_that_is_not_short_and_plain_stays_out(tmp_path: Path, value: str) -> None:
    """Columns get mixed up: what stands in one that is not personal may be so all the same."""
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1), thing(2, kind=value), thing(3, details="no json: " + value)])
    house.ingest()
    assert [row[4:] for row in house.rejected("things", 1)] == [
        ("kind", "is not one of loud, quiet", None),
        ("details", "is not of type json", None),
    ]


@pytest.mark.parametrize(
    "part", [
        ("part-0000.jsonl", lambda rows: as_jsonl(rows, nested=False)),
        ("part-0000.parquet", lambda rows: as_parquet(rows, **dict.fromkeys(PARQUET_TYPES, "varchar"))),
    ], ids=["jsonl", "parquet"],
)  # fmt: skip
def test_the_same_rows_are_bad_in_every_format(tmp_path: Path, part: tuple[str, Any]) -> None:
    house = House(tmp_path, "things", max_rejected_rows=100)
    name, encode = part
    bad = TYPE_ERRORS + ROW_ERRORS
    rows = [thing(1), *(thing(2, **{column: value}) for column, value, _ in bad), thing(3)]
    house.deliver("things", 1, encode(rows), name)
    house.ingest()
    assert house.rejected("things", 1) == [
        ("things", march(1), name, number, column, reason, value)
        for number, (column, value, reason) in enumerate(bad, start=2)
    ]
    assert house.rows("things", 1, "size", "row_number") == [(1, 1), (3, len(bad) + 2)]


def test_a_wrong_value_is_kept_back_where_the_column_is_personal(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1, ownerId=PLANTED), thing(2)])
    house.ingest()
    assert house.rejected("things", 1) == [
        ("things", march(1), "part-0000.csv", 1, "ownerId", "is not of type uuid", None)
    ]
    assert house.rows("things", 1, "size") == [(2,)]
    assert PLANTED not in house.everything_written()


def test_every_bad_row_is_recorded_once_under_its_first_problem(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1), thing(2, kind="odd", size="many", createdAt=None)])
    house.deliver("things", 1, [thing(3, size=-3), thing(4), thing(5, live=None)], "part-0001.jsonl")
    (outcome,) = house.ingest()
    assert [(part.rows_delivered, part.rows_rejected) for part in outcome.parts] == [(2, 1), (3, 2)]
    assert [row[2:] for row in house.rejected("things", 1)] == [
        ("part-0000.csv", 2, "kind", "is not one of loud, quiet", "odd"),
        ("part-0001.jsonl", 1, "size", "is negative", "-3"),
        ("part-0001.jsonl", 3, "live", "is null", None),
    ]
    assert house.rows("things", 1, "size", "part") == [(1, "part-0000.csv"), (4, "part-0001.jsonl")]


def test_rejected_rows_belong_to_the_delivery_they_came_with(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1), thing(2, kind="odd")])
    house.ingest()
    (part,) = known_parts(house.settings)["things", march(1)]
    for books in ("rows", "rejected", "delivered"):
        path = house.folder("things", 1) / f"{books}.parquet"
        assert parquet(path, "select delivery_id") == [(part.delivery_id,)]


def test_an_engagement_has_the_score_of_its_type_or_is_rejected(tmp_path: Path) -> None:
    house = House(tmp_path, "track_engagements", max_rejected_rows=100)
    right = {"full": 3, "majority": 2, "partial": 1, "skip": 0}
    tried = [(kind, score) for kind in right for score in range(5)]
    rows = [
        {
            "id": uid(1, number), "userId": uid(2, 1), "trackId": uid(5, 1), "type": kind, "score": score,
            "sessionId": "s-1", "createdAt": "2026-03-01 10:00:00",
        }
        for number, (kind, score) in enumerate(tried, start=1)
    ]  # fmt: skip
    house.deliver("track_engagements", 1, rows)
    house.ingest()
    assert house.rows("track_engagements", 1, "type", "score") == list(right.items())
    assert [row[3:] for row in house.rejected("track_engagements", 1)] == [
        (number, "score", "impossible score for its type", str(score))
        for number, (kind, score) in enumerate(tried, start=1)
        if score != right[kind]
    ]


@pytest.mark.parametrize(
    ("time", "accepted"),
    [
        ("2024-01-01 00:00:00", True),
        ("2026-02-28 23:59:59.999", True),
        ("2026-03-01 23:59:59.999", True),
        ("2026-03-02 00:00:00", False),
        ("2026-03-02 00:00:00.001", False),
    ],
)
def test_an_appended_row_lies_before_the_end_of_its_night(tmp_path: Path, time: str, accepted: bool) -> None:
    house = House(tmp_path, "signal_actions")
    house.deliver("signal_actions", 1, [act(1, createdAt=time)])
    house.ingest()
    assert house.rows("signal_actions", 1, "createdAt") == (
        [(dt.datetime.fromisoformat(time),)] if accepted else []
    )
    assert [row[3:] for row in house.rejected("signal_actions", 1)] == (
        [] if accepted else [(1, "createdAt", "lies after the end of its night", time)]
    )


def test_a_snapshot_may_speak_of_later_times(tmp_path: Path) -> None:
    house = House(tmp_path, "signals")
    house.deliver("signals", 1, [signal(1, createdAt="2026-03-02 00:00:00.001")])
    (outcome,) = house.ingest()
    assert (outcome.rows, outcome.rejected) == (1, 0)


@pytest.mark.parametrize(
    ("table", "column", "row"),
    [
        ("signals", "type", signal(1)),
        (
            "community_members",
            "role",
            {"id": uid(1, 1), "communityId": uid(4, 1), "joinedAt": "2026-01-01 09:00:00"},
        ),
        (
            "follows",
            "entityType",
            {"id": uid(1, 1), "entityId": uid(6, 1), "createdAt": "2026-01-01 09:00:00"},
        ),
    ],
    ids=["signals.type", "community_members.role", "follows.entityType"],
)
def test_unknown_values_of_free_text_are_kept(
    tmp_path: Path, table: str, column: str, row: dict[str, Any]
) -> None:
    house = House(tmp_path, table)
    values = ["never seen before", 'Ärger, "zitiert"\n🎸', ""]
    house.deliver(table, 1, [row | {"userId": uid(2, 1), "followerId": uid(2, 1), column: v} for v in values])
    house.ingest()
    assert house.rows(table, 1, column) == [(value,) for value in values]


# A run that broke off


class BrokenOffError(Exception):
    """The machine was switched off."""


def test_a_night_that_was_being_replaced_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1)])
    house.ingest()
    house.deliver("things", 1, [thing(2)])
    replace_file = Path.replace

    def breaks_off(path: Path, target: Path) -> Path:
        if target == house.folder("things", 1):
            raise BrokenOffError
        return replace_file(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", breaks_off)
        with pytest.raises(BrokenOffError):
            house.ingest()
    assert not house.folder("things", 1).exists()
    recover(house.settings, house.tables)
    assert house.rows("things", 1, "size") == [(1,)]
    assert not house.settings.incoming_dir.exists()
    assert house.actions() == {("things", 1): "accepted"}
    assert house.rows("things", 1, "size") == [(2,)]


def test_a_night_that_was_just_replaced_stays_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1)])
    house.ingest()
    house.deliver("things", 1, [thing(2)])
    rmtree = shutil.rmtree

    def breaks_off(path: Path, **options: Any) -> None:
        if "replaced" in path.parts and path.exists():
            raise BrokenOffError
        rmtree(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", breaks_off)
        with pytest.raises(BrokenOffError):
            house.ingest()
    assert (house.settings.incoming_dir / "replaced" / "things" / "2026-03-01").exists()
    recover(house.settings, house.tables)
    assert house.rows("things", 1, "size") == [(2,)]
    assert not house.settings.incoming_dir.exists()
    assert house.actions() == {("things", 1): "known"}


def test_what_lies_about_in_incoming_is_removed(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    work = house.settings.incoming_dir / "work" / "night"
    work.mkdir(parents=True)
    (work / "rows.parquet").write_bytes(b"half a file")
    (work.parent / "part").write_text(PLANTED)
    recover(house.settings, house.tables)
    assert not house.settings.incoming_dir.exists()
    assert PLANTED not in house.everything_written()


def test_nothing_is_left_in_incoming_after_a_run(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1)], "part-0000.csv.gz")
    house.deliver("things", 2, "id,size\n")
    house.ingest()
    house.deliver("things", 1, [thing(2)], "part-0000.csv.gz")
    house.ingest()
    assert [path for path in house.settings.incoming_dir.rglob("*") if path.is_file()] == []
    assert {path.name for path in (house.settings.raw_dir / "things").iterdir()} == {
        "empty", "2026-03-01", "2026-03-02.refused",
    }  # fmt: skip


# Whatever is delivered

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
FREE_ROWS = st.lists(
    st.tuples(st.none() | TEXT, st.none() | st.dictionaries(TEXT, JSON, max_size=3)), min_size=1, max_size=8
)


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the examples of a property live, each in a folder of its own."""
    return tmp_path_factory.mktemp("homes")


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(rows=FREE_ROWS, formats=st.lists(st.sampled_from(FORMATS), min_size=1, max_size=4), data=st.data())
def test_rows_are_the_same_over_any_parts_in_any_formats(
    homes: Path, rows: list[tuple[str | None, dict[str, Any] | None]], formats: list[str], data: st.DataObject
) -> None:
    parts: list[list[dict[str, Any]]] = [[] for _ in formats]
    for number, (label, details) in enumerate(rows, start=1):
        text = None if details is None else json.dumps(details)
        parts[data.draw(st.integers(0, len(parts) - 1))].append(thing(number, label=label, details=text))
    with tempfile.TemporaryDirectory(dir=homes) as home:
        house = House(Path(home), "things")
        for number, (fmt, part) in enumerate(zip(formats, parts, strict=True)):
            if part:
                house.deliver("things", 1, part, f"part-000{number}.{fmt}")
        (outcome,) = house.ingest()
        assert (outcome.action, outcome.rows, outcome.rejected) == ("accepted", len(rows), 0)
        read = house.rows("things", 1, "size", "label", "details")
    found = {size: (label, details and json.loads(details)) for size, label, details in read}
    assert found == dict(enumerate(rows, start=1))


WHOLE = {
    fmt: in_format([thing(n, label=PLANTED, details='{"a": [1]}') for n in range(1, 9)], fmt)
    for fmt in FORMATS
}


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    """A name, and bytes that are no file at all or a good file with a piece of it replaced."""
    fmt = draw(st.sampled_from(FORMATS))
    piece = draw(st.binary(max_size=40))
    if draw(st.booleans()):
        return fmt, piece
    whole = WHOLE[fmt]
    start = draw(st.integers(0, len(whole)))
    return fmt, whole[:start] + piece + whole[start + draw(st.integers(0, 60)) :]


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(part=damaged())
@example(part=("csv", as_csv([thing(1) | {"extra": "x"}]) + b"\xff" * 9 + b"," * 9 + b"\n"))
@example(part=("csv", WHOLE["csv"].replace(b"label,", b"lxbel,").replace(b"loud", b"lo\xffd", 1)))
@example(part=("jsonl", b"[" * 100_000))
@example(part=("jsonl", b"7\nnull\n[]\n{}\n"))
def test_whatever_bytes_a_part_has_its_night_is_accepted_or_refused(
    homes: Path, part: tuple[str, bytes]
) -> None:
    fmt, content = part
    with tempfile.TemporaryDirectory(dir=homes) as home:
        house = House(Path(home), "things", "signals")
        house.deliver("things", 1, content, f"part-0000.{fmt}")
        house.deliver("signals", 2, [signal(1)])
        broken, good = house.ingest()
        assert (good.action, good.rows) == ("accepted", 1)
        if broken.action == "refused":
            assert f"part-0000.{fmt}" in refusal(broken)
            assert PLANTED not in house.everything_written()
        else:
            assert broken.action == "accepted"
            accepted = len(house.rows("things", 1, "row_number"))
            assert accepted == broken.rows - broken.rejected <= 9
