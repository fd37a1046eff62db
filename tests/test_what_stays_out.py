"""No file holds data that must not be kept; a table that was never delivered has an empty file."""

import json
import logging
from pathlib import Path

import duckdb
import pytest
from conftest import uid
from ingesting import (
    GIVEN,
    PLANTED,
    TABLES,
    THINGS,
    House,
    act,
    as_csv,
    as_jsonl,
    parquet,
    signal,
    user,
    with_column,
)

from orchestration.raw.account import refusal
from orchestration.raw.discover import FORMATS

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
