"""`warehouse query`: ask the published file."""

import shutil
import sys
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from orchestration.ask.query import Format, answer, asking
from orchestration.cli.console import WAREHOUSE, choose_published, console, require_place, say, whole
from orchestration.settings import UsageError


def query(
    sql: Annotated[str, typer.Argument(help="A query on the published tables.")],
    written_as: Annotated[
        Format | None, typer.Option("--format", help="If not given: what --output ends in, else a table.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="The file to write; the screen if not given.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="The most rows to write; all if not given.")
    ] = None,
    warehouse_dir: WAREHOUSE = None,
) -> None:
    """Ask the published file, read-only; any DuckDB client can do the same."""
    config = choose_published(warehouse_dir)
    if output:
        require_place(output, config)
    written_as = written_as or _format_of(output)
    if written_as is Format.PARQUET and not output:
        raise UsageError("Parquet cannot be shown; say with --output FILE where to write it")
    to_console = not output and written_as is Format.TABLE
    with (
        TemporaryDirectory(prefix="warehouse-") as scratch,
        whole(output) if output else nullcontext(Path(scratch, "result")) as draft,
    ):
        with asking(config.published_file, config.memory_limit, Path(scratch, "spill"), draft) as connection:
            is_cut = answer(connection, sql, console if to_console else draft, written_as, limit)
        if not output and not to_console:
            with draft.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
    if is_cut:
        say(f"These are the first {limit:,} rows; there are more.")


def _format_of(output: Path | None) -> Format:
    """The format that the ending of a file's name asks for."""
    ending = output.suffix.removeprefix(".").lower() if output else "txt"
    if ending in ("", "txt"):
        return Format.TABLE
    if ending not in set(Format):
        raise UsageError(
            f"{output} ends in none of {', '.join(Format)} and txt; say with --format how to write it"
        )
    return Format(ending)
