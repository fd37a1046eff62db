"""Reads one delivered part: any of the formats, every value held against the contract.

DuckDB reads and checks; rows never pass through Python. Messages name the file, the line and the column, and
never quote a row, which may hold what must not leave ingestion.
"""

import ast
import codecs
import csv
import datetime as dt
import glob
import gzip
import hashlib
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import duckdb

from orchestration.exports import FORMATS, Column, Table, open_within_exports, part_format, shown_name
from orchestration.lists import LISTS

CHUNK = 1 << 20
MAX_LINE = 1 << 24  # of JSONL; DuckDB's own limit, said by name so that it can be explained
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
# What DuckDB takes for JSON and RFC 8259 does not, once no text stands in the way; and a text.
LENIENT_JSON = r",[ \t\r\n]*[\]}]|(?i:(^|[:,\[])[ \t\r\n]*-?(nan|inf))"
JSON_TEXT = r'"([^"\\]|\\.)*"'
JSON_NUL = r"(^|[^\\])(\\\\)*\\u0000"
NUL_FOUND = "it holds a NUL character"
NO_JSON = "it is not JSON"
CSV_PROBLEMS = (
    r"Expected Number of Columns: \d+ Found: \d+|unterminated quote|Maximum line size of \d+ bytes exceeded"
)
# What gives way to a text that says so, in a column of personal texts.
PERSONAL_TEXT = "|".join(
    entry["pattern"] for entry in LISTS["personal"] if entry["applies_to"] in ("text", "delivered")
)
WITHHELD = "(withheld)"
STORED_TYPES = {"json": "varchar"}
# Of a column of text, what Parquet may hold: each has one way to be written as text.
PARQUET_TEXTS = re.compile(
    r'VARCHAR|UUID|DATE|BOOLEAN|U?(TINY|SMALL|BIG)INT|U?INTEGER|DECIMAL[(].*[)]|"NULL"'
)
# By its mark, what DuckDB would read as the bare numbers or bytes behind it, or wrongly.
MISREAD_MARKS = {
    "Int": "unsigned numbers that only a logical type marks as such",
    "Decimal": "decimals that only a logical type marks as such",
    "Date": "dates that only a logical type marks as such",
    "Bson": "BSON",
    "Wide": "decimals of more than 38 digits",
}


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
        source = SOURCES[part_format(path).split(".")[0]](connection, table, copy, name, max_unpacked_bytes)
        missing = [c.name for c in table.columns if not c.nullable and c.name not in source.columns]
        if missing and source.columns:
            raise RefusedError(f"{name} lacks the required column {', '.join(missing)}")
        _check_rows(connection, table, night, source)


@contextmanager
def _refusing(copy: Path, say: Callable[[Exception], str], *, writes: bool = True) -> Iterator[None]:
    """Refuse a part for what DuckDB finds wrong in it, but not for want of memory or of disk for other files.

    Whether a part asks too much or the machine has too little cannot be told: a good part is never refused.
    Where nothing is written but only the part is looked at, no other file can be at fault.
    """
    try:
        yield
    except duckdb.OutOfMemoryException:
        raise
    except (duckdb.Error, UnicodeDecodeError) as error:
        # DuckDB's message may quote bytes that are no text, which Python then cannot read.
        if writes and isinstance(error, duckdb.IOException) and str(copy) not in str(error):
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
    """A readable part: a relation to select from, and for each of its columns the text of its value.

    `no_text` says by column, in SQL, which values are none that a column of text may hold.
    """

    relation: str
    columns: dict[str, str]
    no_text: dict[str, str] = field(default_factory=dict)


def _csv_source(
    _connection: duckdb.DuckDBPyConnection, _table: Table, copy: Path, name: str, _max_unpacked_bytes: int
) -> Source:
    _require_text(copy, name, {b"\0": NUL_FOUND})
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
    relation = f"""read_csv({files(copy)}, auto_detect = false, parallel = false, header = true,
        delim = ',', quote = '"', escape = '"', nullstr = '', allow_quoted_nulls = false,
        columns = {{{positions}}})"""
    return Source(relation, {column: f"c{i}" for i, column in enumerate(header)})


def _require_text(copy: Path, name: str, unwanted: dict[bytes, str]) -> None:
    """UTF-8 without unwanted characters, each with what to say of a line that holds it.

    Other bytes in a CSV file of more columns than are read break DuckDB's database.
    """
    decoder, line = codecs.getincrementaldecoder("utf-8")(), 1
    with copy.open("rb") as file:
        try:
            while chunk := file.read(CHUNK):
                decoder.decode(chunk)
                found = {chunk.find(character): said for character, said in unwanted.items()}
                found.pop(-1, None)
                if found:
                    first = min(found)
                    line += chunk.count(b"\n", 0, first)
                    raise RefusedError(f"{name} cannot be read at line {line}: {found[first]}")
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
    connection: duckdb.DuckDBPyConnection, _table: Table, copy: Path, name: str, _max_unpacked_bytes: int
) -> Source:
    # The two controls beside NUL that DuckDB takes for space around a value; it finds the others.
    _require_text(copy, name, {b"\0": NUL_FOUND, b"\v": NO_JSON, b"\f": NO_JSON})
    with copy.open("ab") as file:
        file.write(b"\n")  # without one, DuckDB passes over a file of one byte
    relation = f"read_ndjson_objects({files(copy)}, maximum_object_size = {MAX_LINE})"
    lenient_relation = f"{relation[:-1]}, ignore_errors = true)"
    with _refusing(copy, lambda _: f"{name} cannot be read{_too_long(copy)}"):
        # A line that is no JSON at all is null. Lines of the same keys are judged by the first of them.
        connection.execute(
            f"""
            create or replace temp table shape as
            with line as (
                select json, json::varchar as text, json_type(json) = 'OBJECT' as is_object,
                    row_number() over () as record
                from {lenient_relation}
            )
            select
                case when is_object then json_keys(json) end as keys,
                case when text like '%{{%{{%' then json_keys(json, '$..*') end as keys_below,
                case
                    when json is null or {_is_lenient("text")} then {literal(NO_JSON)}
                    when {_holds_nul("text")} then {literal(NUL_FOUND)}
                    when not is_object then ''
                end as problem,
                min(record) as record
            from line
            group by all
            """
        )
        first = connection.execute(
            f"""
            select record, coalesce(problem, 'it gives a key twice') from shape
            where problem is not null or {_repeats_a_key("keys", "keys_below")}
            order by record limit 1
            """
        ).fetchone()
        keys = connection.execute("select distinct unnest(keys) from shape").fetchall()
    if first:
        record, problem = first
        if not problem:
            # An array of all rows, say, which would be one row to reject.
            raise RefusedError(f"{name} cannot be read: its record {record} is not a JSON object")
        raise RefusedError(f"{name} cannot be read at line {_line_of_json(copy, record)}: {problem}")
    paths = {key: literal(_json_path(key)) for (key,) in keys}
    # DuckDB writes fractions its own way, and what is nested is no text.
    kinds = "('OBJECT', 'ARRAY', 'DOUBLE')"
    return Source(
        relation,
        {key: f"json ->> {path}" for key, path in paths.items()},
        {key: f"json_type(json, {path}) in {kinds}" for key, path in paths.items()},
    )


def _is_lenient(text: str) -> str:
    """The SQL of whether a text that is JSON to DuckDB is none: NaN, infinities, a comma before a bracket."""
    without_texts = f"regexp_replace({text}, {literal(JSON_TEXT)}, '\"\"', 'g')"
    suspicious, found = (f"regexp_matches({t}, {literal(LENIENT_JSON)})" for t in (text, without_texts))
    return f"case when {suspicious} then {found} else false end"


def _holds_nul(text: str) -> str:
    """The SQL of whether a NUL is written in a JSON text: DuckDB lets no other way pass."""
    return f"(contains({text}, '\\u0000') and regexp_matches({text}, {literal(JSON_NUL)}))"


def _repeats_a_key(keys: str, keys_below: str) -> str:
    """The SQL of whether one of the objects whose keys are given has two of one name."""
    repeats = "list_unique(names) < len(names)"
    return f"len([names for names in list_prepend({keys}, coalesce({keys_below}, [])) if {repeats}]) > 0"


def _line_of_json(copy: Path, record: int) -> int:
    """Where a record of JSONL stands: empty lines are none."""
    with copy.open("rb") as lines:
        filled = (number for number, line in enumerate(lines, start=1) if line.strip(b" \t\r\n"))
        return next(islice(filled, record - 1, None))


def _too_long(copy: Path) -> str:
    """Which line DuckDB refused for its length: nothing else keeps it from reading on."""
    with copy.open("rb") as lines:
        numbers = (number for number, line in enumerate(lines, start=1) if len(line) > MAX_LINE)
        at = next(numbers, None)
    return f" at line {at}: it is longer than {MAX_LINE:,} bytes" if at else ": it is damaged"


def _json_path(key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'$."{escaped}"'


def _parquet_source(
    connection: duckdb.DuckDBPyConnection, table: Table, copy: Path, name: str, max_unpacked_bytes: int
) -> Source:
    # Text that its writer did not mark as such (Impala, ClickHouse, old Java) is text all the same.
    relation = f"read_parquet({files(copy)}, binary_as_string = true)"
    with _refusing(copy, lambda e: f"{name} cannot be read as Parquet: {_no_parquet(e)}", writes=False):
        described = connection.execute(f"describe select * from {relation}").fetchall()
        # A value repeated a billion times takes a few bytes, and at least a byte each when it is read.
        unpacked = connection.execute(
            f"""
            select greatest(
                (select sum(total_uncompressed_size::hugeint) from parquet_metadata({pattern(copy)})),
                (select sum(num_rows::hugeint) * {len(described)} from parquet_file_metadata({pattern(copy)}))
            )
            """
        ).fetchone()[0]
    if unpacked and unpacked > max_unpacked_bytes:
        raise RefusedError(_too_large(name, max_unpacked_bytes))
    marks = _marks(connection, copy, name)
    types = {column: "JSON" if marks.get(column) == "Json" else kind for column, kind, *_ in described}
    texts = {column: _as_text(column, kind) for column, kind in types.items()}
    for column in (column for column in table.columns if column.name in types):
        kind, mark = types[column.name], marks.get(column.name)
        its_column = f"{name} cannot be read: its column {column.name}"
        if mark in MISREAD_MARKS:
            raise RefusedError(f"{its_column} holds {MISREAD_MARKS[mark]}")
        if _is_any_text(column) and not PARQUET_TEXTS.fullmatch(kind):
            raise RefusedError(f"{its_column} holds {kind} where text is due")
        if "VARCHAR" in kind or kind == "JSON":
            texts_of_it = f"select {texts[column.name]} from {relation}"
            _require_parquet_text(connection, copy, name, column.name, texts_of_it)
    return Source(relation, texts)


def _no_parquet(error: Exception) -> str:
    """Why a part cannot be opened; of what type a column is that cannot be read, DuckDB says by number."""
    if "Unsupported converted type" in str(error):
        return "it has a column of a type that cannot be read, such as BSON"
    return "truncated, damaged or something else"


def _marks(connection: duckdb.DuckDBPyConnection, copy: Path, name: str) -> dict[str, str | None]:
    """By column, what Parquet says it holds where DuckDB overlooks it, mostly for want of the older mark.

    Raises:
        RefusedError: two columns have one name.
    """
    elements = iter(
        connection.execute(
            f"""
            select
                name, coalesce(num_children, 0),
                case
                    when precision > 38 then 'Wide'
                    when converted_type is null and logical_type not like '%isSigned=1%'
                        then split_part(logical_type, 'Type(', 1)
                end
            from parquet_schema({pattern(copy)})
            """
        ).fetchall()
    )
    next(elements)  # the whole, whose children are the columns
    marks: dict[str, str | None] = {}
    for column, below, mark in elements:
        if column in marks:
            raise RefusedError(f"{name} gives two columns the same name")
        marks[column] = mark
        while below:
            _, further, _ = next(elements)
            below += further - 1
    return marks


def _require_parquet_text(
    connection: duckdb.DuckDBPyConnection, copy: Path, name: str, column: str, texts: str
) -> None:
    """A column is UTF-8 without NUL."""

    def say(error: Exception) -> str:
        if "not valid UTF8" in str(error) or isinstance(error, UnicodeDecodeError):
            return f"{name} cannot be read: its column {column} is not UTF-8"
        if "Invalid JSON found" in str(error):
            return f"{name} cannot be read: its column {column} is marked as JSON and is not JSON"
        return f"{name} cannot be read: it is damaged"

    with _refusing(copy, say):
        (row,) = connection.execute(
            f"""
            select min(row_number)
            from (select text, row_number() over () as row_number from ({texts}) as texts (text))
            where contains(text, chr(0))
            """
        ).fetchone()
    if row:
        raise RefusedError(f"{name} cannot be read at row {row}: its column {column} holds a NUL character")


def _as_text(column: str, kind: str) -> str:
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP")):
        return f"to_json({quoted(column)})::varchar"
    return f"{quoted(column)}::json::varchar" if kind == "VARIANT" else f"{quoted(column)}::varchar"


SOURCES = {"csv": _csv_source, "jsonl": _jsonl_source, "parquet": _parquet_source}


def _check_rows(connection: duckdb.DuckDBPyConnection, table: Table, night: dt.date, source: Source) -> None:
    checks = _checks(table, night)
    texts = [
        f"{source.columns.get(c.name, 'null::varchar')} as text_{i}" for i, c in enumerate(table.columns)
    ]
    texts += [
        f"{source.no_text.get(c.name, 'false')} as no_text_{i}"
        for i, c in enumerate(table.columns)
        if _is_any_text(c)
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
        if column.data_type != "varchar" or _is_any_text(column):
            fails = f"no_text_{i}" if _is_any_text(column) else f"{text} is not null and {typed} is null"
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


def _is_any_text(column: Column) -> bool:
    """Whether any text is a value of a column: nothing but its kind tells that a value is none."""
    return column.data_type == "varchar" and not column.accepted_values


def _typed(column: Column, text: str) -> str:
    """The SQL that turns the text of a value into its type, or null where it is none."""
    if column.data_type == "varchar":
        if not column.personal:
            return text
        is_personal = f"regexp_matches(lower({text}), {literal(PERSONAL_TEXT)})"
        return f"case when {is_personal} then {literal(WITHHELD)} else {text} end"
    if column.data_type == "json":
        return f"case when {_is_json(text)} then {_kept(column, text)} end"
    pattern = literal(TYPE_PATTERNS[column.data_type])
    value = f"try_cast({text} as {column.data_type})"
    fits = f" and isfinite({value})" if column.data_type == "double" else ""
    return f"case when regexp_full_match({text}, {pattern}){fits} then {value} end"


def _is_json(text: str) -> str:
    """The SQL of whether a text is JSON as RFC 8259 and PostgreSQL have it; DuckDB takes more."""
    repeats = _repeats_a_key(f"json_keys({text})", f"json_keys({text}, '$..*')")
    wrong = f"{_is_lenient(text)} or {_holds_nul(text)} or {repeats}"
    return f"case when json_valid({text}) then not ({wrong}) else false end"


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


def _where(error: Exception, copy: Path) -> str:
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


def pattern(path: Path, below: str = "") -> str:
    """What DuckDB is told where it takes a name for a pattern: one file, or some files below a folder."""
    return literal(glob.escape(str(path)) + (below and f"/{below}"))


def files(path: Path, below: str = "") -> str:
    """The same for a function that reads rows, which would take a folder `a=1` for a column of them."""
    return f"{pattern(path, below)}, hive_partitioning = false"


def quoted(column: str) -> str:
    """A column as an SQL identifier."""
    return '"' + column.replace('"', '""') + '"'


def version(source: bytes) -> str:
    """Of how parts are read: another with any change to this file but to its comments, docstrings and layout.

    What it asks elsewhere counts, too: the list of what is personal, and DuckDB.
    """
    code = ast.parse(source)
    for node in ast.walk(code):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = "a docstring"
    reads = (ast.dump(code), PERSONAL_TEXT, duckdb.__version__)
    return hashlib.sha256(repr(reads).encode()).hexdigest()[:16]


READER = version(Path(__file__).read_bytes())
