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
LARGE = 1 << 23  # bytes from which several threads are worth their while
BUFFER = 1 << 23  # bytes that a thread takes at a time
NEITHER_QUOTE_NOR_LINE_BREAK = bytes(set(range(256)) - set(b'"\n'))


def csv_source(
    _connection: duckdb.DuckDBPyConnection, _table: Table, copy: Path, name: str, _max_unpacked_bytes: int
) -> Source:
    """Refuse a file that is not CSV as PostgreSQL writes it; else return its columns, named by the header."""
    require_text(copy, name, {b"\0": NUL_FOUND})
    lines = _lines_that_are_records(copy)
    if not lines:
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
    options = f"""auto_detect = false, header = true, delim = ',', quote = '"', escape = '"', nullstr = '',
        allow_quoted_nulls = false, columns = {{{positions}}}"""
    is_large = copy.stat().st_size >= LARGE
    # If it reads in parallel, DuckDB calls good large files with quoted line breaks broken, or skips broken
    # rows. So one thread reads where there are such line breaks. Elsewhere the number of lines tells whether
    # rows were skipped.
    return Source(
        f"read_csv({files(copy)}, parallel = false, {options})",
        {column: f"c{i}" for i, column in enumerate(header)},
        at_once=f"read_csv({files(copy)}, buffer_size = {BUFFER}, {options})" if is_large and lines else "",
        records=lines - 1,
        in_turn=is_large,
    )


def _lines_that_are_records(copy: Path) -> int:
    """How many lines a file has, if no line break is within quotes, however the file is read; else 0.

    That is so if every line has an even number of quotes. A carriage return may be a line break, too.
    """
    lines, line_so_far = 0, b""
    with copy.open("rb") as file:
        for chunk in iter(lambda: file.read(CHUNK), b""):
            if b"\r" in chunk:
                return 0
            if b'"' not in chunk and not line_so_far:
                lines += chunk.count(b"\n")
                continue
            marks = line_so_far + chunk.translate(None, NEITHER_QUOTE_NOR_LINE_BREAK)
            whole, line_break, line_so_far = marks.replace(b'""', b"").rpartition(b"\n")
            if b'"' in whole:
                return 0
            lines += (whole + line_break).count(b"\n")
    return 0 if line_so_far else lines


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
