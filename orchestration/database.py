"""DuckDB: how a connection is set up, and how values and names are written into SQL."""

import glob
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb


def literal(value: object) -> str:
    """A value as an SQL text literal."""
    return "'" + str(value).replace("'", "''") + "'"


def pattern(path: Path, below: str = "") -> str:
    """A pattern for DuckDB that means exactly one file, or some files below a folder."""
    return literal(glob.escape(str(path)) + (below and f"/{below}"))


def files(path: Path, below: str = "") -> str:
    """The same for a function that reads rows. Such a function would take a folder `a=1` for a column."""
    return f"{pattern(path, below)}, hive_partitioning = false"


def quoted(column: str) -> str:
    """A column as an SQL identifier."""
    return '"' + column.replace('"', '""') + '"'


def one_row(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[object] = ()
) -> tuple[Any, ...]:
    """The row of a query that always has one, as an aggregate does.

    Raises:
        LookupError: the query has no row.
    """
    row = connection.execute(query, list(parameters)).fetchone()
    if row is None:
        raise LookupError(f"there is no row where one must be: {query}")
    return tuple(row)


def set_up(connection: duckdb.DuckDBPyConnection, memory_limit: str, spill: Path | None = None) -> None:
    """Set up a connection: times are UTC, memory has a bound, and what does not fit goes to `spill`.

    Without `spill`, DuckDB chooses the place: beside the database, if it has a file.

    Files are read anew each time, because `raw/` may have another file at the same place a moment later.
    """
    connection.execute(
        f"""
        set TimeZone = 'UTC';
        set memory_limit = {literal(memory_limit)};
        set enable_external_file_cache = false
        """
    )
    if spill:
        connection.execute(f"set temp_directory = {literal(spill)}")


@contextmanager
def one_thread(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Work with one thread where work cannot be shared: others would wait, and use a processor for it."""
    (threads,) = one_row(connection, "select current_setting('threads')")
    connection.execute("set threads = 1")
    try:
        yield
    finally:
        connection.execute(f"set threads = {threads}")
