"""CSV as PostgreSQL writes it."""

import csv
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import duckdb

from orchestration.database import files
from orchestration.raw.contract import Table
from orchestration.raw.refuse import CHUNK, RefusedError
from orchestration.raw.source import NUL_FOUND, Source, require_text

MAX_COLUMNS = 1600  # PostgreSQL has no tables with more columns


def csv_source(
    _connection: duckdb.DuckDBPyConnection, _table: Table, copy: Path, name: str, _max_unpacked_bytes: int
) -> Source:
    """Refuse a file that is not CSV as PostgreSQL writes it; else return its columns, named by the header."""
    require_text(copy, name, {b"\0": NUL_FOUND})
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
        # The message does not quote it: if the header is missing, this is a row.
        first = header.index(header[again])
        raise RefusedError(f"{name} gives columns {first + 1} and {again + 1} the same name in line 1")
    positions = ", ".join(f"c{i}: 'varchar'" for i in range(len(header)))
    # If it reads in parallel, DuckDB calls good large files with quoted line breaks broken, or skips broken
    # rows.
    relation = f"""read_csv({files(copy)}, auto_detect = false, parallel = false, header = true,
        delim = ',', quote = '"', escape = '"', nullstr = '', allow_quoted_nulls = false,
        columns = {{{positions}}})"""
    return Source(relation, {column: f"c{i}" for i, column in enumerate(header)})


def _require_closed_quotes(copy: Path, name: str) -> None:
    """Refuse a file with an unclosed quote, as one cut off has: DuckDB would pass over rows."""
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

    with copy.open(encoding="utf-8-sig", newline="\n") as text, suppress(csv.Error):
        reader = csv.reader(counted(text), strict=True)
        for _ in reader:
            if seen % 2:
                break
            read = reader.line_num
    raise RefusedError(f"{name} cannot be read at line {read + 1}: unterminated quote")


def _require_last_line_break(copy: Path, name: str) -> None:
    """Refuse a file cut off inside an unquoted value: PostgreSQL ends every row with a line break."""
    with copy.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        if file.read() == b"\n":
            return
        file.seek(0)
        line = 1 + sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(CHUNK), b""))
    raise RefusedError(f"{name} is half-written: line {line}, its last, has no line break at its end")
