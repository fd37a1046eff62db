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
import re
import shutil
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.exports import FORMATS, Column, Table, part_format

CHUNK = 1 << 20

TYPE_PATTERNS = {
    "uuid": "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "integer": r"[+-]?\d+(\.0+)?",
    "double": r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?",
    "boolean": "t|f|true|false",
    "timestamp": r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(Z|[+]00(:?00)?)?",
}
# An offending value is shown if it is short and plain; an e-mail, a hash or a text may be in any column.
SHOWABLE = r"[\w .:,+/-]{0,60}"
CSV_PROBLEMS = (
    r"Expected Number of Columns: \d+ Found: \d+|unterminated quote|Maximum line size of \d+ bytes exceeded"
)
STORED_TYPES = {"json": "varchar"}


class RefusedError(Exception):
    """A night that must not be loaded; the message says why and names the file."""


def checksum(path: Path) -> str:
    """The sha256 of a file; empty if it cannot be read, which reading it will then explain."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def read_part(
    connection: duckdb.DuckDBPyConnection, table: Table, night: dt.date, path: Path, sha256: str, work: Path
) -> None:
    """Read a part and hold every row against the contract.

    Leaves the temporary table `checked`: one row per record with the typed columns, row_number, row_hash, and
    the first problem: its number, column and reason, and the value if plain and not personal; null if none.

    Raises:
        RefusedError: the part as a whole cannot be read or lacks a required column.
    """
    copy = _take(path, sha256, work)
    try:
        source = SOURCES[part_format(path).split(".")[0]](connection, copy, path.name)
        missing = [c.name for c in table.columns if not c.nullable and c.name not in source.columns]
        if missing and source.columns:
            raise RefusedError(f"{path.name} lacks the required column {', '.join(missing)}")
        _check_rows(connection, table, night, source)
    except duckdb.Error as error:
        raise RefusedError(f"{path.name} cannot be read{_where(error, copy)}") from error


def _take(path: Path, sha256: str, work: Path) -> Path:
    """Copy a part aside, unpacked, so that nothing can change it while it is read.

    Raises:
        RefusedError: no known format, not readable, changed while it was copied, or packed and damaged.
    """
    if part_format(path) is None:
        raise RefusedError(f"{path.name} is in none of the formats {', '.join(FORMATS)}")
    copy, unpacked = work / "part", work / "part.unpacked"
    try:
        shutil.copyfile(path, copy)
    except OSError as error:
        raise RefusedError(f"{path.name} cannot be read: {error.strerror}") from error
    if checksum(copy) != sha256:
        raise RefusedError(f"{path.name} changed while it was read; it is read again at the next run")
    if not path.name.endswith(".gz"):
        return copy
    try:
        if copy.stat().st_size == 0:
            raise EOFError("not even the head of a gzip file")
        with gzip.open(copy) as packed, unpacked.open("wb") as plain:
            shutil.copyfileobj(packed, plain, CHUNK)
    except (EOFError, OSError, zlib.error) as error:
        raise RefusedError(f"{path.name} is truncated or damaged: it cannot be unpacked") from error
    return unpacked


@dataclass(frozen=True)
class Source:
    """A readable part: a relation to select from, and for each of its columns the text of its value."""

    relation: str
    columns: dict[str, str]


def _csv_source(_connection: duckdb.DuckDBPyConnection, copy: Path, name: str) -> Source:
    _require_utf8(copy, name)
    _require_closed_quotes(copy, name)
    try:
        with copy.open(encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader(file), None)
    except csv.Error as error:
        raise RefusedError(f"{name} cannot be read at line 1: the header is not CSV") from error
    if not header:
        raise RefusedError(f"{name} is empty: not even a header line")
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


def _require_utf8(copy: Path, name: str) -> None:
    """Other bytes, in a CSV file with more columns than are read, would break DuckDB's whole database."""
    decoder, line = codecs.getincrementaldecoder("utf-8")(), 1
    with copy.open("rb") as file:
        try:
            while chunk := file.read(CHUNK):
                decoder.decode(chunk)
                line += chunk.count(b"\n")
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            line += error.object[: error.start].count(b"\n")
            raise RefusedError(f"{name} cannot be read at line {line}: it is not UTF-8") from error


def _require_closed_quotes(copy: Path, name: str) -> None:
    """A file cut off inside a quoted value: DuckDB would pass over its last row."""
    with copy.open("rb") as file:
        marks = sum(chunk.count(b'"') for chunk in iter(lambda: file.read(CHUNK), b""))
    if marks % 2 == 0:
        return
    with copy.open(encoding="utf-8-sig", newline="\n") as file:
        reader, read = csv.reader(file, strict=True), 0
        with suppress(csv.Error):
            for _ in reader:
                read = reader.line_num
    raise RefusedError(f"{name} cannot be read at line {read + 1}: unterminated quote")


def _jsonl_source(connection: duckdb.DuckDBPyConnection, copy: Path, name: str) -> Source:
    _require_utf8(copy, name)
    relation = f"read_ndjson_objects({literal(copy)})"
    try:
        keys = connection.execute(f"select distinct unnest(json_keys(json)) from {relation}").fetchall()
    except duckdb.Error as error:
        raise RefusedError(f"{name} cannot be read{_bad_json_line(copy)}") from error
    return Source(relation, {key: f"json ->> {literal(_json_path(key))}" for (key,) in keys})


def _bad_json_line(copy: Path) -> str:
    """Which line is not JSON: DuckDB's own message counts from different starts."""
    with copy.open(encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                json.loads(line if line.strip() else "{}")
            except (ValueError, RecursionError):
                return f" at line {number}: it is not JSON"
    return ": it is not JSON"


def _json_path(key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'$."{escaped}"'


def _parquet_source(connection: duckdb.DuckDBPyConnection, copy: Path, name: str) -> Source:
    relation = f"read_parquet({literal(copy)})"
    try:
        described = connection.execute(f"describe select * from {relation}").fetchall()
    except duckdb.Error as error:
        raise RefusedError(
            f"{name} cannot be read as Parquet: truncated, damaged or something else"
        ) from error
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
        return text
    if column.data_type == "json":
        ids = [
            f"{literal(key)}, try_cast(json_extract_string({text}, {literal(_json_path(key))}) as uuid)"
            for key in column.keep_ids
        ]
        kept = f"json_object({', '.join(ids)})::varchar" if ids else text
        return f"case when json_valid({text}) then {kept} end"
    pattern = literal(TYPE_PATTERNS[column.data_type])
    return f"case when regexp_full_match({text}, {pattern}) then try_cast({text} as {column.data_type}) end"


def _where(error: duckdb.Error, copy: Path) -> str:
    """The place DuckDB names; the rest of its message may quote the row and stays out."""
    if isinstance(error, duckdb.OutOfMemoryException):
        return ": there is not enough memory"
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
