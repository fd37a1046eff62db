"""Every format gives the same rows."""

import datetime as dt
import gzip
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from conftest import uid
from ingesting import (
    GIVEN,
    LONG_TEXT,
    THING_COLUMNS,
    House,
    as_csv,
    as_jsonl,
    as_parquet,
    march,
    parquet,
    thing,
)

from orchestration.raw.discover import FORMATS

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
