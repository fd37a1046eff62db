"""A part is read as its format says: JSON as RFC 8259 defines it, Parquet as a person would read it."""

import dataclasses
import datetime as dt
import json
import re
import struct
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import uid, write_part
from hypothesis import given, settings
from hypothesis import strategies as st
from ingesting import THINGS, as_csv, as_parquet, column, march, thing
from parquet_files import (
    BSON,
    DATE,
    DECIMAL,
    ENUM,
    I8,
    INTERVAL,
    JSON,
    TIME_MILLIS,
    TIMESTAMP_MICROS,
    TIMESTAMP_MILLIS,
    UINT_64,
    UTF8,
    Marked,
    parquet_file,
)

from orchestration.raw import jsonl_source, parquet_source
from orchestration.raw import read as reading
from orchestration.raw.contract import Table
from orchestration.raw.read import checksum, read_part
from orchestration.raw.refuse import RefusedError

NUL = "\0"


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """Where parts are read; its clock is set as ingestion sets it."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection


def table(*columns: tuple[str, str]) -> Table:
    """A contract of columns that may be null, given as names and types."""
    described = tuple(column(name, data_type, nullable=True) for name, data_type in columns)
    return dataclasses.replace(
        THINGS, kind="snapshot", event_time=None, columns=described, row_checks=(), key=("value",)
    )


def read(
    connection: duckdb.DuckDBPyConnection, contract: Table, content: bytes, name: str
) -> list[tuple[Any, ...]]:
    """Of every row of a part the values under a contract, and why it is rejected."""
    with tempfile.TemporaryDirectory() as home:
        path = write_part(Path(home), contract.name, march(1), content, name)
        read_part(connection, contract, march(1), path, checksum(path), Path(home), 1 << 30)
    names = ", ".join(f'"{column.name}"' for column in contract.columns)
    query = f"select {names}, reason from checked order by row_number"  # noqa: S608
    return connection.sql(query).fetchall()


def refusal(connection: duckdb.DuckDBPyConnection, contract: Table, content: bytes, name: str) -> str:
    """Why a part is refused."""
    with pytest.raises(RefusedError) as refused:
        read(connection, contract, content, name)
    return str(refused.value).removeprefix(f"{name} ")


# JSON

ANYTHING = table(("value", "json"), ("text", "varchar"))
NO_JSON = [
    '{"value": NaN}', '{"value": -NaN}', '{"value": nan}', '{"value": Infinity}', '{"value": -Infinity}',
    '{"value": inf}', '{"value": [1, NaN]}', '{"value": [NaN, 1]}', '{"value": {"a":\t-inf }}',
    '{"text": "x, \\"", "value": NaN}', '{"value": 1,}', '{"value": [1,]}', '{"value": [1 ,\t]}',
    '{"value": {"a": 1,},"text": "x"}', '{"value": [[],]}', '{,}', '{"value": 1,,"text": "x"}',
    "{'value': 1}", "{\"value\": 'x'}", "{value: 1}", '{"value": 1 /* one */}', '{"value": 1} // one',
    '# one\n{"value": 1}', '{"value": 01}', '{"value": -01}', '{"value": +1}', '{"value": .5}',
    '{"value": 5.}', '{"value": 1e}', '{"value": 0x1F}', '{"value": 1_000}', '{"value": True}',
    '{"value": None}', '{"value": undefined}', '{"value": NULL}', '{"value": }', '{"value" 1}',
    '{"value": 1 "text": "x"}', '{"value": 1; "text": "x"}', '{"value": 1', '{"value": [1}', '{"value": "x}',
    '{"value": "\\x41"}', '{"value": "\\q"}', '{"value": "\\u12"}', '{"value": "\\ud83c"}',
    '{"value": "\\udfb8"}', '{"value": "\\ud83c\\u0041"}', '{"value": "a\tb"}', '{"value": "a\x01b"}',
    '{"value": "a\rb"}', '{"value": 1} {"value": 2}', '{"value": 1}{"value": 2}', '{"value": 1}, ',
    '{"value": 1} x', '\ufeff{"value": 1}', '\xa0{"value": 1}', '\v{"value": 1}', '\f', '{"value":\f1}',
    "\u2028", "x", "{",
]  # fmt: skip
REPEATED = [
    '{"value": 1, "value": 2}', '{"value": 1, "value": 1}', '{"value": 1, "\\u0076alue": 2}',
    '{"value": {"a": 1, "a": 2}}', '{"value": [1, [{"a": {"b": 1, "c": 2, "b": 3}}]]}',
    '{"text": "{", "other": 1, "other": 2}', '{"value": {"": 1, "": 2}}',
    '{"value": {"a\\"": 1, "a\\u0022": 2}}',
]  # fmt: skip
WITH_NUL = [
    '{"text": "Porch\\u0000Song"}', '{"text": "\\u0000"}', '{"other": "x\\\\\\u0000"}',
    '{"value": [{"a": "\\n\\u0000"}]}', '{"a\\u0000b": 1}', '{"value": {"\\u0000": 1}}',
]  # fmt: skip
GOOD_JSON = [
    '{"value": "NaN", "text": ", NaN"}', '{"value": ["-Infinity", ":inf", "[nan"]}', '{"text": "a,}"}',
    '{"value": {"b,]": ",\\"}"}}', '{"value": "\\\\u0000"}', '{"value": "\\\\\\\\u0000 \\u0001"}',
    '{"value": [{"a": 1}, {"a": 2}], "other": {"a": 1}}', '{"value": {"a": 1, "A": 2, "á": 3}}',
    '{"value": {"value": {"value": 1}}}', '{"value": [1e400, -0.5E-3, 0, -0, 12345678901234567890123]}',
    '{"value": [true, false, null]}', '{"value": "\\ud83c\\udfb8 \\/ \\" \\b\\f\\n\\r\\t"}', "{}",
    ' \t{"value"\t:\r[ ] , "text" : "x" } \t\r', '{"NaN": 1, "inf": [], "null": null}',
    '{"value": "\x7f\u2028"}',
]  # fmt: skip


@pytest.mark.parametrize("line", NO_JSON)
def test_what_is_not_json_is_refused_with_its_line(connection: duckdb.DuckDBPyConnection, line: str) -> None:
    content = f'{{"value": 1}}\n \t\n{line}\n{{"value": 2}}\n'.encode()
    assert refusal(connection, ANYTHING, content, "part-0000.jsonl") == (
        "cannot be read at line 3: it is not JSON"
    )
    assert refusal(connection, ANYTHING, line.encode(), "part-0000.jsonl") == (
        "cannot be read at line 1: it is not JSON"
    )


@pytest.mark.parametrize("line", REPEATED)
def test_a_key_given_twice_is_refused_with_its_line(connection: duckdb.DuckDBPyConnection, line: str) -> None:
    content = f'{{"value": 1}}\n{line}\n'.encode()
    assert refusal(connection, ANYTHING, content, "part-0000.jsonl") == (
        "cannot be read at line 2: it gives a key twice"
    )


@pytest.mark.parametrize("line", WITH_NUL)
def test_a_nul_written_as_an_escape_is_refused_with_its_line(
    connection: duckdb.DuckDBPyConnection, line: str
) -> None:
    content = f'{{"value": 1}}\n{line}\n'.encode()
    assert refusal(connection, ANYTHING, content, "part-0000.jsonl") == (
        "cannot be read at line 2: it holds a NUL character"
    )


def test_what_is_json_is_read(connection: duckdb.DuckDBPyConnection) -> None:
    content = "\n".join(GOOD_JSON).encode()
    found = read(connection, table(("text", "varchar")), content, "part-0000.jsonl")
    assert found == [(json.loads(line).get("text"), None) for line in GOOD_JSON]


def test_in_a_column_of_json_too_what_is_not_json_is_rejected(connection: duckdb.DuckDBPyConnection) -> None:
    bad = [line for line in NO_JSON + REPEATED + WITH_NUL if "\r" not in line]
    bad += ["NaN", "-Infinity", " inf", "[1,]", "plain", '"\\u0000"', '[{"a": 1, "a": 1}]']
    rows = [{"value": text} for text in bad + GOOD_JSON]
    for content, name in ((as_csv(rows), "part-0000.csv"), (as_parquet(rows), "part-0000.parquet")):
        found = read(connection, table(("value", "json")), content, name)
        assert [reason for _, reason in found] == (
            ["is not of type json"] * len(bad) + [None] * len(GOOD_JSON)
        )
        assert [value for value, _ in found[len(bad) :]] == GOOD_JSON


def test_the_first_line_that_is_wrong_is_named_whatever_is_wrong_with_it(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    lines = ['{"a": 1}', '{"a": 1, "a": 2}', '{"a": NaN}', '{"a": "\\u0000"}', "7"]
    for first, problem in (
        (1, "at line 2: it gives a key twice"),
        (2, "at line 2: it is not JSON"),
        (3, "at line 2: it holds a NUL character"),
        (4, ": its record 2 is not a JSON object"),
    ):
        content = "\n".join([lines[0], *lines[first:], *lines]).encode()
        said = refusal(connection, ANYTHING, content, "part-0000.jsonl")
        assert said.removeprefix("cannot be read").strip() == problem.strip()


def test_a_line_too_long_to_be_read_is_named(connection: duckdb.DuckDBPyConnection) -> None:
    content = b'{"value": 1}\n\n{"text": "' + b"x" * (40 << 20) + b'"}\n'
    assert refusal(connection, ANYTHING, content, "part-0000.jsonl") == (
        "cannot be read at line 3: it is longer than 16,777,216 bytes"
    )


def test_without_its_guards_what_is_not_json_is_read(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for guard, line in (
        ("is_lenient", '{"value": NaN}'),
        ("holds_nul", '{"value": "\\u0000"}'),
        ("repeats_a_key", '{"value": 1, "value": 2}'),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(jsonl_source, guard, lambda *_: "false")
            assert len(read(connection, ANYTHING, line.encode(), "part-0000.jsonl")) == 1


def is_json(text: str) -> bool:
    """What Python makes of a text, with all its own leniency forbidden."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) < len(pairs):
            raise ValueError("a key twice")
        return dict(pairs)

    def forbidden(name: str) -> None:
        raise ValueError(name)

    def holds_nul(value: object) -> bool:
        if isinstance(value, dict):
            return any(holds_nul(inner) for pair in value.items() for inner in pair)
        return any(map(holds_nul, value)) if isinstance(value, list) else NUL in str(value)

    try:
        value = json.loads(text, object_pairs_hook=unique, parse_constant=forbidden)
        json.dumps(value, ensure_ascii=False).encode()  # fails on half of a surrogate pair
    except ValueError:
        return False
    return not holds_nul(value)


WHITE = st.sampled_from(["", "", "", " ", "\t"])
KEYS = st.sampled_from(['"a"', '"\\u0061"', '"b"', '"NaN"', '"x,]"', '"\\""', '"\\\\"', '"{"'])
LEAVES = st.sampled_from(
    ["null", "true", "7", "-1.5e3", "0", '"x"', '", NaN"', '"a,]"', '":inf"', '"\\\\u0000"', '"\\"', '"',
     "NaN", "-Infinity", "nan", "01", "'x'", "", '"\\u0000"', '"\\ud83c"', '"\\ud83c\\udfb8"', "1."]
)  # fmt: skip
GOOD_LEAVES = st.sampled_from(["null", "true", "7", "-1.5e3", '"x"', '", NaN"', '"a,]"', '"\\\\u0000"', "[]"])


def around(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Lists and objects of parts, now and then with a comma too many or a key twice."""
    separator = st.sampled_from([","] * 20 + [",,", "", ", ", ",\t"])
    end = st.sampled_from([""] * 10 + [",", " , "])

    @st.composite
    def draw_one(draw: st.DrawFn) -> str:
        parts = draw(st.lists(inner, max_size=4))
        is_object = draw(st.booleans())
        if is_object:
            keys = draw(st.lists(KEYS, min_size=len(parts), max_size=len(parts), unique=draw(st.booleans())))
            parts = [f"{key}{draw(WHITE)}:{draw(WHITE)}{part}" for key, part in zip(keys, parts, strict=True)]
        joined = draw(separator).join(parts) + draw(end) + draw(WHITE)
        return f"{{{joined}}}" if is_object else f"[{joined}]"

    return draw_one()


TEXTS = st.recursive(GOOD_LEAVES | GOOD_LEAVES | GOOD_LEAVES | LEAVES, around, max_leaves=12)


@settings(max_examples=120, deadline=None, derandomize=True, database=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=12))
def test_what_is_json_is_what_a_strict_parser_says(
    connection: duckdb.DuckDBPyConnection, texts: list[str]
) -> None:
    found = read(
        connection, table(("value", "json")), as_csv([{"value": text} for text in texts]), "part-0000.csv"
    )
    assert [reason is None for _, reason in found] == [is_json(text) for text in texts]
    lines = [f'{{"value": {text}}}' for text in texts]
    first = next((n for n, line in enumerate(lines, start=1) if not is_json(line)), None)
    content = "\n".join(lines).encode()
    if first:
        said = refusal(connection, table(("value", "json")), content, "part-0000.jsonl")
        assert said.startswith(f"cannot be read at line {first}: ")
    else:
        assert len(read(connection, table(("value", "json")), content, "part-0000.jsonl")) == len(lines)


def test_in_jsonl_a_text_is_a_text(connection: duckdb.DuckDBPyConnection) -> None:
    """A data frame may turn a name into a number, which can be written as text in several ways."""
    values = ["1.10", "1e3", "1.0", '{"a": 1}', "[1]", "[]", '"1.10"', "1999", "true", "null", '""']
    content = "\n".join(f'{{"text": {value}}}' for value in values).encode()
    found = read(connection, table(("text", "varchar")), content, "part-0000.jsonl")
    assert [reason for _, reason in found] == ["is not of type varchar"] * 6 + [None] * 5
    assert [text for text, _ in found[6:]] == ["1.10", "1999", "true", None, ""]


# Parquet

MOMENT = dt.datetime(2026, 3, 1, 10, 0, 0, 123000)
MILLIS = (MOMENT - dt.datetime(1970, 1, 1)) // dt.timedelta(milliseconds=1)
DAYS, MILLIS_OF_DAY = divmod(MILLIS, 86_400_000)
JULIAN_1970 = 2_440_588
IMPALA = struct.pack("<qI", MILLIS_OF_DAY * 1_000_000, JULIAN_1970 + DAYS)
ID = uuid.UUID(uid(1, 7))
SEÑOR = "Señor Loud's"
STRING, ENUMERATED, UNKNOWN, IN_JSON, IN_BSON, AS_UUID, FLOAT16 = (
    {number: {}} for number in (1, 4, 11, 12, 13, 14, 15)
)


def number_of(bits: int, *, signed: bool) -> dict[int, Any]:
    """The newer mark of a whole number."""
    return {10: {1: I8(bits), 2: signed}}


def decimal(scale: int, precision: int) -> dict[int, Any]:
    """The newer mark of a fraction of fixed digits."""
    return {5: {1: scale, 2: precision}}


def moment(unit: int, *, utc: bool) -> dict[int, Any]:
    """The newer mark of a time: in milli-, micro- or nanoseconds (1, 2, 3)."""
    return {8: {1: utc, 2: {unit: {}}}}


def marked(physical: str, value: object, **marks: Any) -> Marked:
    """The column `value` with one value."""
    return Marked("value", physical, [value], **marks)


BYTES, FIXED = "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"
SAID = SEÑOR.encode()
# What the file holds, the type in the contract, and the value that a person would read.
RIGHT = [
    (marked(BYTES, SAID), "varchar", SEÑOR),
    (marked(BYTES, SAID, older=UTF8), "varchar", SEÑOR),
    (marked(BYTES, SAID, newer=STRING), "varchar", SEÑOR),
    (marked(BYTES, SAID, older=ENUM), "varchar", SEÑOR),
    (marked(BYTES, SAID, newer=ENUMERATED), "varchar", SEÑOR),
    (marked(BYTES, b""), "varchar", ""),
    (marked(FIXED, SAID, length=len(SAID)), "varchar", SEÑOR),
    (marked(FIXED, ID.bytes, length=16, newer=AS_UUID), "varchar", str(ID)),
    (marked("BOOLEAN", True), "varchar", "true"),
    (marked("INT32", 1999), "varchar", "1999"),
    (marked("INT64", -1, older=UINT_64), "varchar", "18446744073709551615"),
    (marked("INT32", 1990, older=DECIMAL, scale=2, precision=9), "varchar", "19.90"),
    (marked("INT32", DAYS, older=DATE), "varchar", "2026-03-01"),
    (marked("INT32", 7, newer=UNKNOWN), "varchar", None),
    (marked(BYTES, str(ID).encode()), "uuid", ID),
    (marked(FIXED, str(ID).encode(), length=36), "uuid", ID),
    (marked(FIXED, ID.bytes, length=16, newer=AS_UUID), "uuid", ID),
    (marked(BYTES, b"7"), "integer", 7),
    (marked("INT64", 7, older=UINT_64), "integer", 7),
    (marked("INT32", -7, newer=number_of(8, signed=True)), "integer", -7),
    (marked("INT64", 7, newer=number_of(64, signed=True)), "integer", 7),
    (marked("FLOAT", 7.0), "integer", 7),
    (marked("DOUBLE", 7.0), "integer", 7),
    (marked("INT64", 700, older=DECIMAL, scale=2, precision=18), "integer", 7),
    (marked("FLOAT", 0.1), "double", 0.1),
    (marked("DOUBLE", 1e300), "double", 1e300),
    (marked(FIXED, struct.pack("<e", 0.5), length=2, newer=FLOAT16), "double", 0.5),
    (marked(BYTES, (1990).to_bytes(2), older=DECIMAL, scale=2, precision=38), "double", 19.9),
    (marked(FIXED, (-1990).to_bytes(9, signed=True), length=9, older=DECIMAL, scale=2, precision=20),
     "double", -19.9),
    (marked("BOOLEAN", True), "boolean", True),
    (marked(BYTES, b"f"), "boolean", False),
    (marked("INT96", IMPALA), "timestamp", MOMENT),
    (marked("INT64", MILLIS, older=TIMESTAMP_MILLIS), "timestamp", MOMENT),
    (marked("INT64", MILLIS * 1000, older=TIMESTAMP_MICROS), "timestamp", MOMENT),
    *((marked("INT64", MILLIS * 1000 ** (unit - 1), newer=moment(unit, utc=utc)), "timestamp", MOMENT)
      for unit in (1, 2, 3) for utc in (True, False)),
    (marked("INT64", MILLIS * 10**6 + 999_999, newer=moment(3, utc=False)), "timestamp",
     MOMENT.replace(microsecond=123_999)),
    (marked(BYTES, b"2026-03-01T10:00:00.123Z"), "timestamp", MOMENT),
    (marked(BYTES, b'{"a": "\xc3\xb1"}'), "json", '{"a": "ñ"}'),
    (marked(BYTES, b'{"a": 1}', older=JSON), "json", '{"a": 1}'),
    (marked(BYTES, b'{"a": 1}', newer=IN_JSON), "json", '{"a": 1}'),
]  # fmt: skip
# Row by row, a value that is none of its type.
REJECTED = [
    (marked("INT32", 1), "boolean"),
    (marked("BOOLEAN", True), "integer"),
    (marked("INT32", 7), "uuid"),
    (marked("DOUBLE", 1.5), "integer"),
    (marked("DOUBLE", 1e20), "integer"),
    (marked("INT64", -1, older=UINT_64), "integer"),
    (marked("DOUBLE", float("nan")), "double"),
    (marked("INT64", MILLIS), "timestamp"),
    (marked("INT32", DAYS, older=DATE), "timestamp"),
    (marked("INT32", 1000, older=TIME_MILLIS), "timestamp"),
    (marked(FIXED, struct.pack("<III", 1, 2, 3), length=12, older=INTERVAL), "integer"),
    (marked(BYTES, b"{'a': None}"), "json"),
    (marked(BYTES, b'{"a": NaN}', older=JSON), "json"),
]
NO_UTF8 = "cannot be read: its column value is not UTF-8"
NO_TEXT = "cannot be read: its column value holds {} where text is due"
ONE_MARK = "cannot be read: its column value holds {} that only a logical type marks as such"
REFUSED = [
    (marked(BYTES, b"\xe9"), "varchar", NO_UTF8),
    (marked(BYTES, b"\xe9", older=UTF8), "varchar", NO_UTF8),
    (marked(BYTES, b"\xe9", older=JSON), "json", NO_UTF8),
    (marked(BYTES, ID.bytes), "uuid", NO_UTF8),
    (marked(FIXED, ID.bytes, length=16), "uuid", NO_UTF8),
    (marked("FLOAT", 0.1), "varchar", NO_TEXT.format("FLOAT")),
    (marked("DOUBLE", 1999.0), "varchar", NO_TEXT.format("DOUBLE")),
    (marked(BYTES, b'"Porch Song"', older=JSON), "varchar", NO_TEXT.format("JSON")),
    (marked(BYTES, b'"Porch Song"', newer=IN_JSON), "varchar", NO_TEXT.format("JSON")),
    (marked("INT96", IMPALA), "varchar", NO_TEXT.format("TIMESTAMP")),
    (marked("INT32", 1000, older=TIME_MILLIS), "varchar", NO_TEXT.format("TIME")),
    (marked(FIXED, struct.pack("<III", 1, 2, 3), length=12, older=INTERVAL), "varchar",
     NO_TEXT.format("INTERVAL")),
    (marked("INT64", -1, newer=number_of(64, signed=False)), "integer", ONE_MARK.format("unsigned numbers")),
    (marked("INT32", 1990, newer=decimal(2, 9)), "double", ONE_MARK.format("decimals")),
    (marked("INT32", DAYS, newer={6: {}}), "integer", ONE_MARK.format("dates")),
    (marked(FIXED, (10**40).to_bytes(20), length=20, older=DECIMAL, scale=2, precision=47), "double",
     "cannot be read: its column value holds decimals of more than 38 digits"),
    (marked(BYTES, b"x", older=JSON), "json",
     "cannot be read: its column value is marked as JSON and is not JSON"),
    (marked(BYTES, b"\x05\0\0\0\0", newer=IN_BSON), "varchar",
     "cannot be read: its column value holds BSON"),
    (marked(BYTES, b"\x05\0\0\0\0", older=BSON), "varchar",
     "cannot be read as Parquet: it has a column of a type that cannot be read, such as BSON"),
]  # fmt: skip


def kind(case: tuple[Any, ...]) -> str:
    """What a case is, in a word."""
    stored = case[0]
    marks = [f"older {stored.older}" if stored.older is not None else "", f"newer {stored.newer or ''}"]
    return f"{stored.physical} {' '.join(marks)} as {case[1]}: {stored.values[0]}"


@pytest.mark.parametrize("case", RIGHT, ids=kind)
def test_a_value_of_parquet_is_the_one_a_person_would_read(
    connection: duckdb.DuckDBPyConnection, case: tuple[Marked, str, object]
) -> None:
    stored, data_type, value = case
    found = read(connection, table(("value", data_type)), parquet_file(stored), "part-0000.parquet")
    assert found == [(value, None)]


@pytest.mark.parametrize("case", REJECTED, ids=kind)
def test_a_value_of_parquet_that_is_none_of_its_type_is_rejected(
    connection: duckdb.DuckDBPyConnection, case: tuple[Marked, str]
) -> None:
    stored, data_type = case
    found = read(connection, table(("value", data_type)), parquet_file(stored), "part-0000.parquet")
    assert found == [(None, f"is not of type {data_type}")]


@pytest.mark.parametrize("case", REFUSED, ids=kind)
def test_a_column_of_parquet_that_could_be_read_wrongly_is_refused(
    connection: duckdb.DuckDBPyConnection, case: tuple[Marked, str, str]
) -> None:
    stored, data_type, reason = case
    content = parquet_file(dataclasses.replace(stored, name="other"), stored)
    assert refusal(connection, table(("value", data_type)), content, "part-0000.parquet") == reason


@pytest.mark.parametrize(
    ("data_type", "value"),
    [
        ("varchar[]", ["x"]), ("struct(a varchar)", {"a": "x"}), ("map(varchar, varchar)", {"a": "x"}),
        ("variant", "x"), ("timestamptz", "2026-03-01 10:00:00+00"), ("double", 1.5),
        ("hugeint", 2**100),
    ],
)  # fmt: skip
def test_what_is_no_text_is_refused_where_text_is_due(
    connection: duckdb.DuckDBPyConnection, data_type: str, value: object
) -> None:
    content = as_parquet([thing(1, label=value)], label=data_type)
    said = refusal(connection, THINGS, content, "part-0000.parquet")
    assert said.startswith("cannot be read: its column label holds ")
    assert said.endswith(" where text is due")


@pytest.mark.parametrize(
    ("data_type", "value", "text"),
    [
        ("blob[]", ["ñ".encode()], '["ñ"]'),
        ("struct(a blob, b double)", {"a": "ñ".encode(), "b": 0.5}, '{"a":"ñ","b":0.5}'),
        ("map(varchar, integer)", {"a": 1, "b": 2}, '{"a":1,"b":2}'),
        ("variant", "x", '"x"'),
        ("integer", 7, "7"),
    ],
)
def test_what_is_nested_in_parquet_is_json_and_its_bytes_are_text(
    connection: duckdb.DuckDBPyConnection, data_type: str, value: object, text: str
) -> None:
    content = as_parquet([thing(1, details=value)], details=data_type)
    ((*_, details, _, reason),) = read(connection, THINGS, content, "part-0000.parquet")
    assert (details, reason) == (text, None)


def test_a_nul_in_parquet_is_refused_with_its_row(connection: duckdb.DuckDBPyConnection) -> None:
    for older in (None, UTF8, ENUM):
        content = parquet_file(Marked("value", BYTES, [b"a", b"Porch\0Song", b"\0"], older=older))
        for data_type in ("varchar", "uuid"):
            assert refusal(connection, table(("value", data_type)), content, "part-0000.parquet") == (
                "cannot be read at row 2: its column value holds a NUL character"
            )


def test_a_nul_nested_in_parquet_has_its_row_rejected(connection: duckdb.DuckDBPyConnection) -> None:
    rows = [thing(1, details=["a"]), thing(2, details=["a\0b"])]
    found = read(connection, THINGS, as_parquet(rows, details="varchar[]"), "part-0000.parquet")
    assert [reason for *_, reason in found] == [None, "is not of type json"]


def test_columns_that_are_not_read_may_hold_anything(connection: duckdb.DuckDBPyConnection) -> None:
    others = (
        Marked("blob", BYTES, [b"\xff\0"]), Marked("text", BYTES, [b"\xff"], older=UTF8),
        Marked("small", "INT32", [1], newer=decimal(2, 9)),
    )  # fmt: skip
    content = parquet_file(*others, marked(BYTES, SAID))
    assert read(connection, table(("value", "varchar")), content, "part-0000.parquet") == [(SEÑOR, None)]


def test_two_columns_of_one_name_are_refused(connection: duckdb.DuckDBPyConnection) -> None:
    content = parquet_file(marked(BYTES, b"one"), marked(BYTES, b"two"))
    said = refusal(connection, table(("value", "varchar")), content, "part-0000.parquet")
    assert said == "gives two columns the same name"


def test_a_mark_inside_a_nested_column_is_not_that_of_a_column_of_its_name(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of the types that DuckDB writes, the only one that has no older mark.
    monkeypatch.setattr(parquet_source, "MISREAD_MARKS", {"UUID": "ids"})
    nested = as_parquet([thing(1, details={"size": uid(1, 1)})], details="struct(size uuid)")
    assert len(read(connection, THINGS, nested, "part-0000.parquet")) == 1
    above = as_parquet([thing(1)], id="uuid")
    assert refusal(connection, THINGS, above, "part-0000.parquet") == (
        "cannot be read: its column id holds ids"
    )


# Which reader it is

CODE = b'''"""Reads."""


def read(part):
    """Read a part."""
    # Nobody knows why.
    return part + 1
'''
COSMETIC = {
    "comments": CODE.replace(b"Nobody knows why.", b"Because."),
    "docstrings": CODE.replace(b"Read a part.", b"Read it."),
    "layout": CODE.replace(b"part + 1", b"(\n        part + 1\n    )"),
}


@pytest.mark.parametrize("edited", COSMETIC.values(), ids=COSMETIC)
def test_a_reader_stays_the_same_whatever_is_said_about_it(edited: bytes) -> None:
    assert edited != CODE
    assert reading.version(edited) == reading.version(CODE)


def test_a_reader_is_another_when_it_reads_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = [reading.version(CODE), reading.version(CODE.replace(b"1", b"2"))]
    for module, name, other in (
        (reading, "PERSONAL_TEXT", "another"),
        (reading, "INSTRUMENTS", {"kazoo": "woodwind"}),
        (duckdb, "__version__", "another"),
    ):
        with monkeypatch.context() as changed:
            changed.setattr(module, name, other)
            versions.append(reading.version(CODE))
    assert len(set(versions)) == 5


def test_the_reader_is_the_one_that_reads() -> None:
    """Every file of the room that reading uses counts, except the contract and the discovery of parts."""
    room = Path(reading.__file__).parent
    asked, waiting = set(), ["read"]
    while waiting:
        name = waiting.pop()
        asked.add(name)
        text = (room / f"{name}.py").read_text()
        waiting += set(re.findall(r"from orchestration\.raw\.(\w+) import", text)) - asked
    assert set(reading.READING) == asked - {"contract", "discover"}
    assert (
        reading.version(*((room / f"{name}.py").read_bytes() for name in reading.READING)) == reading.READER
    )
