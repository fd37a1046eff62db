"""Runs a query on the published file and writes the whole result.

The query reads the published file and nothing else: it cannot read or write other files, attach databases or
load extensions. DuckDB writes every format except the table.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

import duckdb
from rich.console import Console

from orchestration.ask.table import ROWS_AT_ONCE, show
from orchestration.database import literal, set_up
from orchestration.places import read
from orchestration.settings import UsageError

NO_QUERY = "this is no query; try one of README.md"
SELECT, CREATE = duckdb.StatementType.SELECT, duckdb.StatementType.CREATE
# These errors come from the machine, not from a mistake in the query.
HINDRANCES = (duckdb.OperationalError, duckdb.InternalError, duckdb.FatalException)


class Format(StrEnum):
    """How a result is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


COPY_OPTIONS = {
    Format.CSV: "format csv, header",
    Format.JSON: "format json, array true",
    Format.PARQUET: "format parquet",
}


@contextmanager
def asking(
    published_file: Path, memory_limit: str, spill: Path, written: Path
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the published file. It can write one other file and reaches nothing else."""
    with read(published_file) as connection:
        set_up(connection, memory_limit, spill)
        connection.execute(f"set allowed_paths = [{literal(written)}]; set enable_external_access = false")
        yield connection


def answer(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    to: Console | Path,
    written_as: Format = Format.TABLE,
    limit: int | None = None,
) -> bool:
    """Write the result of a query, all of it or its first rows.

    Args:
        connection: see `asking`.
        sql: one query.
        to: the console of a table, or the file to write.
        written_as: the format; only a table can go to a console.
        limit: how many rows at most.

    Returns:
        Whether there are more rows than were written.

    Raises:
        UsageError: the text is no query, or has a mistake; the message says where.
        duckdb.Error: the file could not be read, or the result could not be written.
    """
    try:
        _require_one_query(connection, sql)
        result = connection.sql(sql)
        shown = result.limit(limit) if limit else result
        if written_as is not Format.TABLE:
            options = f"{COPY_OPTIONS[written_as]}, use_tmp_file false"
            shown.query("result", f"copy result to {literal(to)} ({options})")
        elif isinstance(to, Path):
            with to.open("w") as file:
                show(Console(file=file), shown)
        else:
            show(to, shown)
        return bool(limit and result.limit(1, limit).fetchone())
    except HINDRANCES:
        raise
    except duckdb.PermissionException as error:
        raise UsageError(f"{error}\nA query reads the published file and no other.") from error
    except duckdb.Error as error:
        raise UsageError(_with_place(connection, sql, error)) from error


def _require_one_query(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    # DuckDB turns a PIVOT into two statements, which then have no text of their own.
    statements = [s for s in connection.extract_statements(sql) if s.query or s.type != CREATE]
    if not statements or any(statement.type != SELECT for statement in statements):
        raise UsageError(NO_QUERY)
    if len(statements) > 1:
        raise UsageError(f"these are {len(statements)} queries; ask one at a time")


def _with_place(connection: duckdb.DuckDBPyConnection, sql: str, error: duckdb.Error) -> str:
    """What is wrong and where: DuckDB names the line only if a query runs as it was written."""
    try:
        result = connection.execute(sql)
        while result.fetchmany(ROWS_AT_ONCE):
            pass
    except duckdb.Error as placed:
        return str(placed)
    return str(error)
