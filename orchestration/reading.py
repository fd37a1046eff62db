"""Reads one delivered part: any of the formats, every value held against the contract.

DuckDB reads and checks; rows never pass through Python. Messages name the file, the line and the column, and
never quote a row, which may hold what must not leave ingestion.
"""

import codecs
import csv
import datetime as dt
import gzip
import hashlib
import json
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.exports import FORMATS, Column, Table, open_within_exports, part_format, shown_name

CHUNK = 1 << 20
MAX_COLUMNS = 1600  # PostgreSQL has no tables of more

YEAR = r"(\d{3}[1-9]|\d\d[1-9]0|\d[1-9]00|[1-9]000)"  # any but 0000, which there never was
TYPE_PATTERNS = {
    "uuid": "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "integer": r"[+-]?\d+(\.0+)?",
    "double": r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?",
    "boolean": "t|f|true|false",
    "timestamp": rf"{YEAR}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(Z|[+]00(:?00)?)?",
}
# An offending value is shown if it is short and plain; an e-mail, a hash or a text may be in any column.
SHOWABLE = r"[\w .:,+/-]{0,60}"
CSV_PROBLEMS = (
    r"Expected Number of Columns: \d+ Found: \d+|unterminated quote|Maximum line size of \d+ bytes exceeded"
)
# An e-mail or a password hash in place of a name: it gives way to a text that says so.
PERSONAL_TEXT = r"@|[$]2[aby][$]"
WITHHELD = "(withheld)"
STORED_TYPES = {"json": "varchar"}


class RefusedError(Exception):
    """A night that must not be loaded; the message says why and names the file."""


def checksum(path: Path) -> str:
    """The sha256 of a file; empty if it cannot be read, which reading it will then explain."""
    try:
        with open_within_exports(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def read_part(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    night: dt.date,
    path: Path,
    sha256: str,
    work: Path,
    max_unpacked_bytes: int,
) -> None:
    """Read a part and hold every row against the contract.

    Leaves the temporary table `checked`: one row per record with the typed columns, row_number, row_hash, and
    the first problem: its number, column and reason, and the value if plain and not personal; null if none.

    Raises:
        RefusedError: the part as a whole cannot be read or lacks a required column.
        OSError, duckdb.Error: not the part is at fault but the machine, which lacks disk or memory.
    """
    name = shown_name(path.name)
    copy = _take(path, name, sha256, work, max_unpacked_bytes)
    with _refusing(copy, lambda error: f"{name} cannot be read{_where(error, copy)}"):
        source = SOURCES[part_format(path).split(".")[0]](connection, copy, name, max_unpacked_bytes)
        missing = [c.name for c in table.columns if not c.nullable and c.name not in source.columns]
        if missing and source.columns:
            raise RefusedError(f"{name} lacks the required column {', '.join(missing)}")
        _check_rows(connection, table, night, source)


@contextmanager
def _refusing(copy: Path, say: Callable[[duckdb.Error], str]) -> Iterator[None]:
    """Refuse a part for what DuckDB finds wrong in it, but not for want of memory or of disk for other files.

    Whether a part asks too much or the machine has too little cannot be told: a good part is never refused.
    """
    try:
        yield
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        if isinstance(error, duckdb.IOException) and str(copy) not in str(error):
            raise
        raise RefusedError(say(error)) from error


def _take(path: Path, name: str, sha256: str, work: Path, max_unpacked_bytes: int) -> Path:
    """Copy a part aside, unpacked, so that nothing can change it while it is read.

    Raises:
        RefusedError: no known format, not readable, changed while it was copied, or packed and damaged.
    """
    if part_format(path) is None:
        raise RefusedError(f"{name} is in none of the formats {', '.join(FORMATS)}")
    copy, unpacked = work / "part", work / "part.unpacked"
    with copy.open("wb") as taken:
        for chunk in _delivered(path, name):
            taken.write(chunk)
    with copy.open("rb") as taken:
        if hashlib.file_digest(taken, "sha256").hexdigest() != sha256:
            raise RefusedError(f"{name} changed while it was read; it is read again at the next run")
    if not path.name.endswith(".gz"):
        return copy
    try:
        if copy.stat().st_size == 0:
            raise EOFError("not even the head of a gzip file")
        with gzip.open(copy) as packed, unpacked.open("wb") as plain:
            while chunk := packed.read(CHUNK):
                plain.write(chunk)
                if plain.tell() > max_unpacked_bytes:
                    raise RefusedError(_too_large(name, max_unpacked_bytes))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise RefusedError(f"{name} is truncated or damaged: it cannot be unpacked") from error
    return unpacked


def _delivered(path: Path, name: str) -> Iterator[bytes]:
    """The bytes of a delivered file.

    Raises:
        RefusedError: it cannot be read.
    """
    try:
        with open_within_exports(path) as file:
            while chunk := file.read(CHUNK):
                yield chunk
    except OSError as error:
        raise RefusedError(f"{name} cannot be read: {error.strerror}") from error


def _too_large(name: str, max_unpacked_bytes: int) -> str:
    return f"{name} unpacks to more than {max_unpacked_bytes:,} bytes, the limit that MAX_UNPACKED_BYTES sets"


@dataclass(frozen=True)
class Source:
    """A readable part: a relation to select from, and for each of its columns the text of its value."""

    relation: str
    columns: dict[str, str]


def _csv_source(
    _connection: duckdb.DuckDBPyConnection, copy: Path, name: str, _max_unpacked_bytes: int
) -> Source:
    _require_text(copy, name)
    _require_closed_quotes(copy, name)
    try:
        with copy.open(encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader(file), None)
    except csv.Error as error:
        raise RefusedError(f"{name} cannot be read at line 1: the header is not CSV") from error
    if not header:
        raise RefusedError(f"{name} is empty: not even a header line")
    if len(header) > MAX_COLUMNS:
        raise RefusedError(f"{name} has {len(header)} columns in line 1; a table has at most {MAX_COLUMNS}")
    _require_last_line_break(copy, name)
    again = next((i for i, column in enumerate(header) if column in header[:i]), None)
    if again is not None:
        # Not named: where the header is missing, this is a row.
        first = header.index(header[again])
        raise RefusedError(f"{name} gives columns {first + 1} and {again + 1} the same name in line 1")
    positions = ", ".join(f"c{i}: 'varchar'" for i in range(len(header)))
    # In parallel, DuckDB finds good large files with quoted line breaks broken, or passes over broken rows.
    relation = f"""read_csv({literal(copy)}, auto_detect = false, parallel = false, header = true,
        delim = ',', quote = '"', escape = '"', nullstr = '', allow_quoted_nulls = false,
        columns = {{{positions}}})"""
    return Source(relation, {column: f"c{i}" for i, column in enumerate(header)})


def _require_text(copy: Path, name: str) -> None:
    """UTF-8 without NUL: other bytes in a CSV file of more columns than are read break DuckDB's database."""
    decoder, line = codecs.getincrementaldecoder("utf-8")(), 1
    with copy.open("rb") as file:
        try:
            while chunk := file.read(CHUNK):
                decoder.decode(chunk)
                if (nul := chunk.find(0)) >= 0:
                    line += chunk.count(b"\n", 0, nul)
                    raise RefusedError(f"{name} cannot be read at line {line}: it holds a NUL character")
                line += chunk.count(b"\n")
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            line += error.object[: error.start].count(b"\n")
            raise RefusedError(f"{name} cannot be read at line {line}: it is not UTF-8") from error


def _require_closed_quotes(copy: Path, name: str) -> None:
    """A file cut off inside a quoted value, or a quote alone: DuckDB would pass over rows."""
    with copy.open("rb") as file:
        marks = sum(chunk.count(b'"') for chunk in iter(lambda: file.read(CHUNK), b""))
    if marks % 2 == 0:
        return
    seen, read = 0, 0

    def counted(lines: Iterable[str]) -> Iterator[str]:
        nonlocal seen
        for line in lines:
            seen += line.count('"')
            yield line

    with copy.open(encoding="utf-8-sig", newline="\n") as file, suppress(csv.Error):
        reader = csv.reader(counted(file), strict=True)
        for _ in reader:
            if seen % 2:
                break
            read = reader.line_num
    raise RefusedError(f"{name} cannot be read at line {read + 1}: unterminated quote")


def _require_last_line_break(copy: Path, name: str) -> None:
    """A file cut off inside an unquoted value: nothing else tells, for PostgreSQL ends every row with one."""
    with copy.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        if file.read() == b"\n":
            return
        file.seek(0)
        line = 1 + sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(CHUNK), b""))
    raise RefusedError(f"{name} is half-written: line {line}, its last, has no line break at its end")


def _jsonl_source(
    connection: duckdb.DuckDBPyConnection, copy: Path, name: str, _max_unpacked_bytes: int
) -> Source:
    _require_text(copy, name)
    relation = f"read_ndjson_objects({literal(copy)})"
    is_object = "json_type(json) = 'OBJECT'"
    some_keys = f"case when {is_object} then json_keys(json) else [null] end"
    with _refusing(copy, lambda _: f"{name} cannot be read{_bad_json_line(copy)}"):
        keys = connection.execute(f"select distinct unnest({some_keys}) from {relation}").fetchall()
    if (None,) in keys:
        # An array of all rows, say, which would be one row to reject.
        numbered = f"select row_number() over () as record, {is_object} as is_object from {relation}"
        (record,) = connection.execute(f"select min(record) from ({numbered}) where not is_object").fetchone()
        raise RefusedError(f"{name} cannot be read: its record {record} is not a JSON object")
    return Source(relation, {key: f"json ->> {literal(_json_path(key))}" for (key,) in keys})


def _bad_json_line(copy: Path) -> str:
    """Which line is not JSON: DuckDB's own message counts from different starts."""
    with copy.open(encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                # Half of a surrogate pair is JSON to Python alone, and shows when it is encoded.
                json.dumps(json.loads(line if line.strip() else "{}"), ensure_ascii=False).encode()
            except (ValueError, RecursionError):
                return f" at line {number}: it is not JSON"
    return ": it is not JSON"


def _json_path(key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'$."{escaped}"'


def _parquet_source(
    connection: duckdb.DuckDBPyConnection, copy: Path, name: str, max_unpacked_bytes: int
) -> Source:
    relation = f"read_parquet({literal(copy)})"
    no_parquet = f"{name} cannot be read as Parquet: truncated, damaged or something else"
    with _refusing(copy, lambda _: no_parquet):
        described = connection.execute(f"describe select * from {relation}").fetchall()
        # A value repeated a billion times takes a few bytes, and at least a byte each when it is read.
        unpacked = connection.execute(
            f"""
            select greatest(
                (select sum(total_uncompressed_size::hugeint) from parquet_metadata({literal(copy)})),
                (select sum(num_rows::hugeint) * {len(described)} from parquet_file_metadata({literal(copy)}))
            )
            """
        ).fetchone()[0]
    if unpacked and unpacked > max_unpacked_bytes:
        raise RefusedError(_too_large(name, max_unpacked_bytes))
    return Source(relation, {column: _as_text(column, data_type) for column, data_type, *_ in described})


def _as_text(column: str, data_type: str) -> str:
    nested = data_type.endswith("]") or data_type.startswith(("STRUCT", "MAP"))
    return f"to_json({quoted(column)})::varchar" if nested else f"{quoted(column)}::varchar"


SOURCES = {"csv": _csv_source, "jsonl": _jsonl_source, "parquet": _parquet_source}


def _check_rows(connection: duckdb.DuckDBPyConnection, table: Table, night: dt.date, source: Source) -> None:
    checks = _checks(table, night)
    texts = [
        f"{source.columns.get(c.name, 'null::varchar')} as text_{i}" for i, c in enumerate(table.columns)
    ]
    typed = [f"{_typed(c, f'text_{i}')} as {quoted(c.name)}" for i, c in enumerate(table.columns)]
    problem = " ".join(f"when {check.fails} then {n}" for n, check in enumerate(checks))
    shown = " ".join(
        f"when {n} then text_{check.position}" for n, check in enumerate(checks) if not check.column.personal
    )
    columns = " ".join(f"when {n} then {literal(check.column.name)}" for n, check in enumerate(checks))
    reasons = " ".join(f"when {n} then {literal(check.reason)}" for n, check in enumerate(checks))
    names = [quoted(c.name) for c in table.columns]
    connection.execute(
        f"""
        create or replace temp table checked as
        with delivered as (
            select {", ".join(texts)}, row_number() over () as row_number from {source.relation}
        ),
        typed as (select *, {", ".join(typed)} from delivered),
        judged as (select *, case {problem} end as problem from typed)
        select
            {", ".join(names)}, row_number, {row_hash(table)} as row_hash, problem,
            case problem {columns} end as column_name, case problem {reasons} end as reason,
            case when regexp_full_match(shown, {literal(SHOWABLE)}) then shown end as value
        from (select *, case problem {shown or "when -1 then null"} end as shown from judged)
        """
    )


def row_hash(table: Table) -> str:
    """The SQL by which two deliveries of a row are told to be the same: a hash of the contract's columns."""
    hashed = ", ".join(f"coalesce({quoted(column.name)}::varchar, chr(30))" for column in table.columns)
    return f"md5(concat_ws(chr(31), {hashed}))::uuid"


@dataclass(frozen=True)
class Check:
    """A condition under which a row is rejected."""

    position: int
    column: Column
    fails: str
    reason: str


def _checks(table: Table, night: dt.date) -> list[Check]:
    """Every check of a table in the order in which a row is held against them."""
    checks = []
    for i, column in enumerate(table.columns):
        text, typed = f"text_{i}", quoted(column.name)
        if not column.nullable:
            checks.append(Check(i, column, f"{text} is null", "is null"))
        if column.data_type != "varchar":
            fails = f"{text} is not null and {typed} is null"
            checks.append(Check(i, column, fails, f"is not of type {column.data_type}"))
        if column.accepted_values:
            accepted = ", ".join(literal(value) for value in column.accepted_values)
            reason = f"is not one of {', '.join(column.accepted_values)}"
            checks.append(Check(i, column, f"{typed} not in ({accepted})", reason))
        if column.name == table.event_time:
            end = literal(night + dt.timedelta(days=1))
            fails = f"{typed} >= {end}::timestamp"
            checks.append(Check(i, column, fails, "lies after the end of its night"))
    for row_check in table.row_checks:
        i, column = next((i, c) for i, c in enumerate(table.columns) if c.name == row_check.column)
        checks.append(Check(i, column, f"not ({row_check.expression})", row_check.reason))
    return checks


def _typed(column: Column, text: str) -> str:
    """The SQL that turns the text of a value into its type, or null where it is none."""
    if column.data_type == "varchar":
        if not column.personal:
            return text
        is_personal = f"regexp_matches({text}, {literal(PERSONAL_TEXT)})"
        return f"case when {is_personal} then {literal(WITHHELD)} else {text} end"
    if column.data_type == "json":
        return f"case when json_valid({text}) then {_kept(column, text)} end"
    pattern = literal(TYPE_PATTERNS[column.data_type])
    value = f"try_cast({text} as {column.data_type})"
    fits = f" and isfinite({value})" if column.data_type == "double" else ""
    return f"case when regexp_full_match({text}, {pattern}){fits} then {value} end"


def _kept(column: Column, text: str) -> str:
    """The SQL of what is kept of a JSON text."""
    if column.keep_ids == ("*",):
        identifier = "try_cast(element as uuid)"
        elements = f"json_extract_string({text}, '$[*]')"
        return f"to_json([{identifier} for element in {elements} if {identifier} is not null])::varchar"
    ids = [
        f"{literal(key)}, try_cast(json_extract_string({text}, {literal(_json_path(key))}) as uuid)"
        for key in column.keep_ids
    ]
    return f"json_object({', '.join(ids)})::varchar" if ids else text


def _where(error: duckdb.Error, copy: Path) -> str:
    """The place DuckDB names; the rest of its message may quote the row and stays out."""
    record = re.search(r"CSV Error on Line: (\d+)", str(error))
    problem = re.search(CSV_PROBLEMS, str(error))
    at = f" at line {_line_of(copy, int(record.group(1)))}" if record else ""
    return f"{at}: {problem.group(0)}" if problem else at or ": it is damaged"


def _line_of(copy: Path, record: int) -> int:
    """Where a CSV record begins: DuckDB counts records, and one may have many lines."""
    with copy.open(encoding="utf-8-sig", newline="\n") as file:
        reader = csv.reader(file)
        try:
            for _ in range(record - 1):
                next(reader)
        except (csv.Error, StopIteration):
            return record
        return reader.line_num + 1


def literal(value: object) -> str:
    """A value as an SQL text literal."""
    return "'" + str(value).replace("'", "''") + "'"


def quoted(column: str) -> str:
    """A column as an SQL identifier."""
    return '"' + column.replace('"', '""') + '"'
