"""The contract reader, given anything: random bytes, damaged files, values of every kind in every column."""

import gzip
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fuzzing import check, in_batches
from hypothesis import strategies as st
from ingesting import (
    PARQUET_TYPES,
    PLANTED,
    THING_COLUMNS,
    House,
    as_csv,
    as_jsonl,
    as_parquet,
    in_format,
    signal,
    thing,
)

from orchestration.raw import check as checks
from orchestration.raw import read
from orchestration.raw.discover import FORMATS

PROMISE = "No bytes and no values break the contract reader"
PLAIN = ("csv", "jsonl", "parquet")
ROWS = [thing(n, label=f'{PLANTED}, "{n}"\nö', details='{"a": [1, {"b": null}]}') for n in range(1, 9)]
WHOLE = {fmt: in_format(ROWS, fmt) for fmt in PLAIN}
TOKENS = st.sampled_from(
    [b"\\u0000", b'"', b'""', b"'", b",", b"\n", b"\r\n", b"\r", b"\0", b"\xff", b"\xef\xbb\xbf", b"\\",
     b"{", b"}", b"[", b"]", b":", b"null", b"NaN", b"PAR1", b"\x1f\x8b\x08", b"\x80", b"\xed\xa0\x80",
     b"-", b"9" * 40, b"\\ud800", b"x" * 3000, b"," * 50, b"[" * 500]
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    """A format, and a good file of some format after a few cuts, copies, insertions; or anything at all."""
    fmt = draw(st.sampled_from(FORMATS))
    if draw(st.integers(0, 9)) == 0:
        return fmt, draw(st.binary(max_size=300))
    content = WHOLE[draw(st.sampled_from(PLAIN)) if draw(st.integers(0, 9)) == 0 else fmt.split(".")[0]]
    packed_first = fmt.endswith(".gz") and draw(st.booleans())
    if packed_first:
        content = gzip.compress(content, mtime=0)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.sampled_from([0, 0, 1, 2, 8, 60, 1000])))
        copied = st.sampled_from([content[start:end] * 2, content[end : end + 80]])
        piece = draw(TOKENS | st.binary(max_size=8) | copied)
        content = content[:start] + piece + content[end:]
    if fmt.endswith(".gz") and not packed_first:
        content = gzip.compress(content, mtime=0)
    return fmt, content


def judge_damaged(part: tuple[str, bytes]) -> None:
    fmt, content = part
    name = f"part-0000.{fmt}"
    with tempfile.TemporaryDirectory() as home:
        house = House(Path(home), "things", "signals", max_unpacked_bytes=1_000_000)
        house.deliver("things", 1, content, name)
        house.deliver("signals", 2, [signal(1)])
        broken, good = house.ingest()
        assert (good.action, good.rows) == ("accepted", 1)
        check(house, broken, [name])


def test_whatever_bytes_a_part_has_it_is_accounted_for_or_refused_in_a_sentence(
    long: bool, tried: Callable[[str, str, int], None]
) -> None:
    times = in_batches(damaged(), judge_damaged, long=long, batches=32)
    tried(PROMISE, "damaged and random files, in every format", times)


TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=30)
NUMBERS = (
    st.integers().map(str)
    | st.integers(-(2**70), 2**70).map(str)
    | st.floats().map(str)
    | st.decimals(allow_nan=True).map(str)
    | st.from_regex(r"[+-]?[0-9]{0,3}\.?[0-9]{0,3}([eE][+-]?[0-9]{1,4})?", fullmatch=True)
)
CLOCK = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{0,12})?Z?"
TIMES = (
    st.datetimes().map(str)
    | st.datetimes().map(lambda time: time.isoformat() + "Z")
    | st.dates().map(str)
    | st.from_regex(CLOCK, fullmatch=True)
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
).map(json.dumps)
WORDS = st.sampled_from(["loud", "quiet", "Loud", "t", "f", "true", "FALSE", "no", "null", "0", "1", "", " "])
IDS = st.uuids().map(str) | st.uuids().map(lambda value: value.hex)
CELLS = st.none() | TEXT | NUMBERS | TIMES | JSON | WORDS | IDS


@st.composite
def given_rows(draw: st.DrawFn) -> tuple[str, list[dict[str, Any]]]:
    """A format, and good rows in which some values are replaced by values of any kind."""
    rows = [thing(number) for number in range(1, draw(st.integers(2, 7)))]
    for row in rows:
        for column in draw(st.lists(st.sampled_from(THING_COLUMNS), max_size=3)):
            row[column] = draw(CELLS)
    return draw(st.sampled_from(PLAIN)), rows


def judge_rows(part: tuple[str, list[dict[str, Any]]]) -> None:
    fmt, rows = part
    write = {
        "csv": as_csv,
        "jsonl": lambda rows: as_jsonl(rows, nested=False),
        "parquet": lambda rows: as_parquet(rows, **dict.fromkeys(PARQUET_TYPES, "varchar")),
    }[fmt]
    with tempfile.TemporaryDirectory() as home:
        house = House(Path(home), "things")
        house.deliver("things", 1, write(rows), f"part-0000.{fmt}")
        (outcome,) = house.ingest()
        assert (outcome.action, outcome.rows) == ("accepted", len(rows))
        check(house, outcome, [])
        # What was left as it was is accepted, and what was accepted is what was given.
        kept = {number: values for number, *values in house.rows("things", 1, "row_number", *THING_COLUMNS)}
        for number, row in enumerate(rows, start=1):
            untouched = thing(number)
            assert row != untouched or number in kept
            if number in kept:
                values = dict(zip(THING_COLUMNS, kept[number], strict=True))
                assert values["label"] == row["label"]
                assert values["kind"] == row["kind"]
                assert values["size"] == float(row["size"])
                assert values["size"] >= 0
                assert row["weight"] is None or values["weight"] == float(row["weight"])
                assert values["live"] is (row["live"] in (True, "t", "true"))
                assert values["details"] == row["details"]
                assert str(values["createdAt"])[:19] == row["createdAt"][:19].replace("T", " ")


def test_whatever_values_rows_have_each_is_accepted_as_it_is_or_rejected(
    long: bool, tried: Callable[[str, str, int], None]
) -> None:
    times = in_batches(given_rows(), judge_rows, long=long, batches=24)
    tried(PROMISE, "parts of rows of every kind of value", times)


def test_fuzzing_notices_a_message_that_quotes_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    part = ("csv", WHOLE["csv"] + f"{PLANTED},x\n".encode())
    judge_damaged(part)
    monkeypatch.setattr(read, "where", lambda error, _: f": {error}".splitlines()[1])
    with pytest.raises(AssertionError):
        judge_damaged(part)


def test_fuzzing_notices_a_value_that_is_changed_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    part = ("csv", [thing(1, size="1.5"), thing(2)])
    judge_rows(part)
    monkeypatch.setattr(checks, "TYPE_PATTERNS", dict.fromkeys(checks.TYPE_PATTERNS, ".*"))
    with pytest.raises(AssertionError):
        judge_rows(part)
