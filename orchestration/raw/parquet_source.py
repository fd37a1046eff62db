"""Parquet, and what of it DuckDB would read as something else than a person would."""

import re
from pathlib import Path

import duckdb

from orchestration.database import files, one_row, pattern, quoted
from orchestration.raw.check import is_any_text
from orchestration.raw.contract import Table
from orchestration.raw.refuse import RefusedError, refusing, too_large
from orchestration.raw.source import Source

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


def parquet_source(
    connection: duckdb.DuckDBPyConnection, table: Table, copy: Path, name: str, max_unpacked_bytes: int
) -> Source:
    """Refuse what would be read as other values than it holds; else its columns as text."""
    # Text that its writer did not mark as such (Impala, ClickHouse, old Java) is text all the same.
    relation = f"read_parquet({files(copy)}, binary_as_string = true)"
    with refusing(copy, lambda e: f"{name} cannot be read as Parquet: {_no_parquet(e)}", writes=False):
        described = connection.execute(f"describe select * from {relation}").fetchall()
        # A value repeated a billion times takes a few bytes, and at least a byte each when it is read.
        unpacked, rows = one_row(
            connection,
            f"""
            select
                greatest(
                    (select sum(total_uncompressed_size::hugeint) from parquet_metadata({pattern(copy)})),
                    num_rows::hugeint * {len(described)}
                ),
                num_rows
            from parquet_file_metadata({pattern(copy)})
            """,
        )
    if unpacked and unpacked > max_unpacked_bytes:
        raise RefusedError(too_large(name, max_unpacked_bytes))
    marks = _marks(connection, copy, name)
    types = {column: "JSON" if marks.get(column) == "Json" else kind for column, kind, *_ in described}
    texts = {column: _as_text(column, kind) for column, kind in types.items()}
    unchecked = {}
    for column in (column for column in table.columns if column.delivered in types):
        kind, mark = types[column.delivered], marks.get(column.delivered)
        its_column = f"{name} cannot be read: its column {column.delivered}"
        if mark in MISREAD_MARKS:
            raise RefusedError(f"{its_column} holds {MISREAD_MARKS[mark]}")
        if is_any_text(column) and not PARQUET_TEXTS.fullmatch(kind):
            raise RefusedError(f"{its_column} holds {kind} where text is due")
        if "VARCHAR" in kind or kind == "JSON":
            unchecked[column.delivered] = texts[column.delivered]
    if not _are_sound(connection, relation, list(unchecked.values())):
        for its_name, text in unchecked.items():
            _require_sound(connection, copy, name, relation, its_name, text)
    return Source(relation, texts, at_once=relation, records=rows, in_turn=True)


def _no_parquet(error: Exception) -> str:
    """Why a part cannot be opened. DuckDB gives the type of a column it cannot read as a number."""
    if "Unsupported converted type" in str(error):
        return "it has a column of a type that cannot be read, such as BSON"
    return "truncated, damaged or something else"


def _marks(connection: duckdb.DuckDBPyConnection, copy: Path, name: str) -> dict[str, str | None]:
    """By column, what Parquet marks it as holding where DuckDB overlooks the mark.

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


def _are_sound(connection: duckdb.DuckDBPyConnection, relation: str, texts: list[str]) -> bool:
    """Whether all texts are UTF-8 without NUL. One look at all of them is enough for most parts."""
    try:
        return not texts or one_row(
            connection, f"select count(*) from {relation} where {_hold_nul(texts)}"
        ) == (0,)
    except (duckdb.Error, UnicodeDecodeError):
        return False  # a look at each column finds it again, and names the column


def _require_sound(
    connection: duckdb.DuckDBPyConnection, copy: Path, name: str, relation: str, column: str, text: str
) -> None:
    """A column is UTF-8 without NUL."""

    def say(error: Exception) -> str:
        if "not valid UTF8" in str(error) or isinstance(error, UnicodeDecodeError):
            return f"{name} cannot be read: its column {column} is not UTF-8"
        if "Invalid JSON found" in str(error):
            return f"{name} cannot be read: its column {column} is marked as JSON and is not JSON"
        return f"{name} cannot be read: it is damaged"

    with refusing(copy, say):
        row = _first_nul(connection, relation, text)
    if row:
        raise RefusedError(f"{name} cannot be read at row {row}: its column {column} holds a NUL character")


def _hold_nul(texts: list[str]) -> str:
    return " or ".join(f"contains({text}, chr(0))" for text in texts)


def _first_nul(connection: duckdb.DuckDBPyConnection, relation: str, text: str) -> int | None:
    """The first row in which a text holds a NUL; None if none does."""
    row: int | None
    (row,) = one_row(
        connection,
        f"""
        select min(row_number)
        from (select {_hold_nul([text])} as holds_nul, row_number() over () as row_number from {relation})
        where holds_nul
        """,
    )
    return row


def _as_text(column: str, kind: str) -> str:
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP")):
        return f"to_json({quoted(column)})::varchar"
    return f"{quoted(column)}::json::varchar" if kind == "VARIANT" else f"{quoted(column)}::varchar"
