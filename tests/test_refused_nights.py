"""Why a night is refused, and what happens to an accepted delivery of that night."""

import dataclasses
import gzip
import hashlib
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import uid, write_part
from ingesting import (
    GIVEN,
    THING_COLUMNS,
    THINGS,
    House,
    act,
    as_csv,
    as_jsonl,
    as_parquet,
    column,
    march,
    parquet,
    standing,
    thing,
    users,
)

from orchestration.raw.account import known_parts, refusal
from orchestration.raw.discover import delivered_nights
from orchestration.raw.ingest import ingest
from orchestration.raw.read import read_part
from orchestration.raw.refuse import RefusedError
from orchestration.raw.store import recover

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
    """DuckDB caches what it read of a file, and may take the next file at the same place for that one."""
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
