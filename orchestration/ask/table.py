"""A result as people read it, always whole. It is laid out to fit a terminal; elsewhere no line is folded."""

import re
from collections.abc import Sequence
from enum import Enum
from itertools import zip_longest

import duckdb
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

ROWS_AT_ONCE = 10_000
GAP = "  "
# A text may continue on a second line, but its column is not made narrower than this.
NARROWEST = 12
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Kind(Enum):
    """How the values of a column are laid out."""

    NUMBER = "stands to the right"
    TEXT = "may go on in a second line"
    WHOLE = "stays in one line, for whoever copies it"


Row = Sequence[str | None]


def show(console: Console, result: duckdb.DuckDBPyRelation, title: str = "") -> None:
    """Print all rows of a result. A long result is printed in parts, each with the header."""
    kinds = [_kind(str(data_type)) for data_type in result.types]
    texts = result.project("columns(*)::varchar")
    rows = texts.fetchmany(ROWS_AT_ONCE)
    show_rows(console, result.columns, kinds, [_with_separators(row, kinds) for row in rows], title)
    while rows := texts.fetchmany(ROWS_AT_ONCE):
        show_rows(console, result.columns, kinds, [_with_separators(row, kinds) for row in rows])


def show_rows(
    console: Console, columns: list[str], kinds: list[Kind], rows: Sequence[Row], title: str = ""
) -> None:
    """Print rows of texts as a table, or as a block per row where the terminal is too narrow for one."""
    header, *texts = [[_in_one_line(text) for text in row] for row in (columns, *rows)]
    widths = [max(map(cell_len, column)) for column in zip(header, *texts, strict=True)]
    has_limits = console.file.isatty() and bool(texts)
    fitting = _fitting(widths, kinds, console.width) if has_limits else widths
    if title:
        console.out(title, style="italic", highlight=False)
    if fitting:
        console.out(*_table_rows(console, [header], fitting, kinds), sep="\n", style="bold", highlight=False)
        console.out("─" * (sum(fitting) + len(GAP) * (len(fitting) - 1)), highlight=False)
        lines = _table_rows(console, texts, fitting, kinds)
    else:
        lines = _blocks(header, texts)
    console.out(*lines, "", sep="\n", highlight=False)


def _kind(data_type: str) -> Kind:
    if data_type.endswith(("INT", "INTEGER")):
        return Kind.NUMBER
    nested = data_type.endswith("]") or data_type.startswith(("STRUCT", "MAP", "UNION", "ENUM"))
    return Kind.TEXT if nested or data_type == "VARCHAR" else Kind.WHOLE


def _with_separators(row: Row, kinds: list[Kind]) -> Row:
    return [
        f"{int(text):,}" if text and kind is Kind.NUMBER else text
        for text, kind in zip(row, kinds, strict=True)
    ]


def _in_one_line(text: str | None) -> str:
    """A value as people see it. A character that would move the cursor is replaced by its name."""
    return "—" if text is None else CONTROL.sub(lambda control: repr(control[0])[1:-1], text)


def _fitting(widths: list[int], kinds: list[Kind], room: int) -> list[int]:
    """The widths at which all columns fit, with the widest texts made narrower. None if they cannot fit."""
    fitting = list(widths)
    texts = [at for at, kind in enumerate(kinds) if kind is Kind.TEXT]
    while sum(fitting) + len(GAP) * (len(fitting) - 1) > room:
        widest = max(texts, key=fitting.__getitem__, default=None)
        if widest is None or fitting[widest] <= NARROWEST:
            return []
        fitting[widest] -= 1
    return fitting


def _table_rows(console: Console, rows: list[list[str]], widths: list[int], kinds: list[Kind]) -> list[str]:
    lines = []
    for row in rows:
        cells = [_folded(console, text, width) for text, width in zip(row, widths, strict=True)]
        for parts in zip_longest(*cells, fillvalue=""):
            placed = [
                " " * (width - cell_len(part)) + part
                if kind is Kind.NUMBER
                else part + " " * (width - cell_len(part))
                for part, width, kind in zip(parts, widths, kinds, strict=True)
            ]
            lines.append(GAP.join(placed).rstrip())
    return lines


def _folded(console: Console, text: str, width: int) -> list[str]:
    """The lines of a cell, broken between words where that is possible."""
    if cell_len(text) <= width:
        return [text]
    return [line.plain for line in Text(text).wrap(console, width, overflow="fold")]


def _blocks(header: list[str], rows: list[list[str]]) -> list[str]:
    width = max(map(cell_len, header))
    lines: list[str] = []
    for row in rows:
        lines += [""] if lines else []
        for name, text in zip(header, row, strict=True):
            lines.append(f"{name}{' ' * (width - cell_len(name))}{GAP}{text}")
    return lines
