"""JSON Lines: one JSON object (RFC 8259) per line."""

from itertools import islice
from pathlib import Path

import duckdb

from orchestration.database import files, literal, one_row
from orchestration.raw.contract import Table
from orchestration.raw.json_text import holds_nul, is_lenient, json_path, repeats_a_key
from orchestration.raw.refuse import RefusedError, refusing
from orchestration.raw.source import NUL_FOUND, Source, require_text

MAX_LINE = 1 << 24  # of a line in bytes: DuckDB's own limit, set by name so that a message can give it
NO_JSON = "it is not JSON"
NUMBERED = "row_number() over ()"  # which takes longer, and less memory: one thread reads


def jsonl_source(
    connection: duckdb.DuckDBPyConnection, table: Table, copy: Path, name: str, _max_unpacked_bytes: int
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
        try:
            _look(connection, lenient_relation)
        except duckdb.OutOfMemoryException:
            _look(connection, lenient_relation, NUMBERED)
        problems = f"from shape where problem is not null or {repeats_a_key('keys', 'keys_below')}"
        if one_row(connection, f"select count(*) {problems}") != (0,):
            _look(connection, lenient_relation, NUMBERED)
            what = "record, coalesce(problem, 'it gives a key twice')"
            record, problem = one_row(connection, f"select {what} {problems} order by record limit 1")
            if not problem:
                # For example an array of all rows, which would otherwise be one rejected row.
                raise RefusedError(f"{name} cannot be read: its record {record} is not a JSON object")
            raise RefusedError(f"{name} cannot be read at line {_line_of_json(copy, record)}: {problem}")
        keys = {key for (key,) in connection.execute("select distinct unnest(keys) from shape").fetchall()}
        (records,) = one_row(connection, "select coalesce(sum(records), 0)::bigint from shape")
    return _source(table, relation, keys, records)


def _look(connection: duckdb.DuckDBPyConnection, relation: str, number: str = "null") -> None:
    """Leave the temporary table `shape`: what kinds of records there are, how many, and the first of each.

    A line that is no JSON at all is null. Of lines with the same keys, only the first is judged.
    """
    connection.execute(
        f"""
        create or replace temp table shape as
        with line as (
            select json, json::varchar as text, json_type(json) = 'OBJECT' as is_object, {number} as record
            from {relation}
        )
        select
            case when is_object then json_keys(json) end as keys,
            case when text like '%{{%{{%' then json_keys(json, '$..*') end as keys_below,
            case
                when json is null or {is_lenient("text")} then {literal(NO_JSON)}
                when {holds_nul("text")} then {literal(NUL_FOUND)}
                when not is_object then ''
            end as problem,
            min(record) as record,
            count(*) as records
        from line
        group by all
        """
    )


def _source(table: Table, relation: str, keys: set[str], records: int) -> Source:
    """A column for every key; the values of the contract's are taken out of each line together."""
    wanted = [key for key in dict.fromkeys(column.delivered for column in table.columns) if key in keys]
    paths = ", ".join(literal(json_path(key)) for key in wanted)
    if wanted:
        values = f"json_extract_string(json, [{paths}]) as texts, json_type(json, [{paths}]) as kinds"
        relation = f"(select {values} from {relation})"
    # DuckDB writes fractions in its own way, and nested values are no text.
    kinds = "('OBJECT', 'ARRAY', 'DOUBLE')"
    return Source(
        relation,
        dict.fromkeys(keys, "null::varchar") | {key: f"texts[{i}]" for i, key in enumerate(wanted, start=1)},
        {key: f"kinds[{i}] in {kinds}" for i, key in enumerate(wanted, start=1)},
        at_once=relation,
        records=records,
        in_turn=True,
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
