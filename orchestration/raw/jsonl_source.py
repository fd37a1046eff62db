"""JSON Lines: one JSON object (RFC 8259) per line."""

from itertools import islice
from pathlib import Path

import duckdb

from orchestration.database import files, literal
from orchestration.raw.contract import Table
from orchestration.raw.json_text import holds_nul, is_lenient, json_path, repeats_a_key
from orchestration.raw.refuse import RefusedError, refusing
from orchestration.raw.source import NUL_FOUND, Source, require_text

MAX_LINE = 1 << 24  # of a line in bytes: DuckDB's own limit, set by name so that a message can give it
NO_JSON = "it is not JSON"


def jsonl_source(
    connection: duckdb.DuckDBPyConnection, _table: Table, copy: Path, name: str, _max_unpacked_bytes: int
) -> Source:
    """Refuse a file that is not one JSON object per line; else return a column for every key that occurs."""
    # Besides NUL, these two control characters: DuckDB takes them for space around a value. It finds all
    # others.
    require_text(copy, name, {b"\0": NUL_FOUND, b"\v": NO_JSON, b"\f": NO_JSON})
    with copy.open("ab") as file:
        file.write(b"\n")  # without a line break, DuckDB skips a file of one byte
    relation = f"read_ndjson_objects({files(copy)}, maximum_object_size = {MAX_LINE})"
    lenient_relation = f"{relation[:-1]}, ignore_errors = true)"
    with refusing(copy, lambda _: f"{name} cannot be read{_too_long(copy)}"):
        # A line that is no JSON at all is null. Of lines with the same keys, only the first is judged.
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
                    when json is null or {is_lenient("text")} then {literal(NO_JSON)}
                    when {holds_nul("text")} then {literal(NUL_FOUND)}
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
            where problem is not null or {repeats_a_key("keys", "keys_below")}
            order by record limit 1
            """
        ).fetchone()
        keys = connection.execute("select distinct unnest(keys) from shape").fetchall()
    if first:
        record, problem = first
        if not problem:
            # For example an array of all rows, which would otherwise be one rejected row.
            raise RefusedError(f"{name} cannot be read: its record {record} is not a JSON object")
        raise RefusedError(f"{name} cannot be read at line {_line_of_json(copy, record)}: {problem}")
    paths = {key: literal(json_path(key)) for (key,) in keys}
    # DuckDB writes fractions in its own way, and nested values are no text.
    kinds = "('OBJECT', 'ARRAY', 'DOUBLE')"
    return Source(
        relation,
        {key: f"json ->> {path}" for key, path in paths.items()},
        {key: f"json_type(json, {path}) in {kinds}" for key, path in paths.items()},
    )


def _line_of_json(copy: Path, record: int) -> int:
    """The line of a JSONL record; empty lines are no records."""
    with copy.open("rb") as lines:
        filled = (number for number, line in enumerate(lines, start=1) if line.strip(b" \t\r\n"))
        return next(islice(filled, record - 1, None))


def _too_long(copy: Path) -> str:
    """The line that is too long for DuckDB; only its length can have stopped DuckDB here."""
    with copy.open("rb") as lines:
        numbers = (number for number, line in enumerate(lines, start=1) if len(line) > MAX_LINE)
        at = next(numbers, None)
    return f" at line {at}: it is longer than {MAX_LINE:,} bytes" if at else ": it is damaged"
