"""The commands that ask the published file: a query, or why a number is what it is."""

import datetime as dt
import shutil
import sys
import uuid
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from orchestration import explanation
from orchestration.cli.console import (
    WAREHOUSE,
    choose_directories,
    console,
    day,
    require_publication,
    say,
)
from orchestration.querying import Format, answer, asking
from orchestration.settings import Settings, UsageError


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
    config = _published(warehouse_dir)
    if output:
        _require_place(output, config)
    written_as = written_as or _format_of(output)
    if written_as is Format.PARQUET and not output:
        raise UsageError("Parquet cannot be shown; say with --output FILE where to write it")
    with TemporaryDirectory(prefix="warehouse-") as scratch:
        # Beside its place, where it is put when it is whole.
        draft = output.with_name(f".{output.name}.new") if output else Path(scratch, "result")
        to_console = not output and written_as is Format.TABLE
        try:
            with asking(
                config.published_file, config.memory_limit, Path(scratch, "spill"), draft
            ) as connection:
                is_cut = answer(connection, sql, console if to_console else draft, written_as, limit)
            if output:
                draft.replace(output)
            elif not to_console:
                with draft.open("rb") as file:
                    shutil.copyfileobj(file, sys.stdout.buffer)
        finally:
            draft.unlink(missing_ok=True)
    if is_cut:
        say(f"These are the first {limit:,} rows; there are more.")


def _format_of(output: Path | None) -> Format:
    """What a file is called says how it is written."""
    ending = output.suffix.removeprefix(".").lower() if output else "txt"
    if ending in ("", "txt"):
        return Format.TABLE
    if ending not in set(Format):
        raise UsageError(
            f"{output} ends in none of {', '.join(Format)} and txt; say with --format how to write it"
        )
    return Format(ending)


def _require_place(output: Path, config: Settings) -> None:
    """A result is written to a file of its own."""
    if not output.parent.is_dir():
        raise UsageError(f"there is no directory {output.parent}")
    if output.exists() and not output.is_file():
        raise UsageError(f"{output} is not a file")
    if output.resolve().is_relative_to(config.warehouse_dir):
        raise UsageError(f"{output} lies in the warehouse; write to another place")


explain = typer.Typer(
    no_args_is_help=True, help="Explain a number: from a total to the delivered rows behind it."
)


@explain.command()
def user(user_id: uuid.UUID, warehouse_dir: WAREHOUSE = None) -> None:
    """A member's points, the acts behind them, and what was not awarded and why."""
    _explain_with(explanation.explain_user, warehouse_dir, user_id)


@explain.command()
def award(award_id: uuid.UUID, warehouse_dir: WAREHOUSE = None) -> None:
    """One act: its rule and version, its decision, the delivered file and row."""
    _explain_with(explanation.explain_award, warehouse_dir, award_id)


@explain.command()
def scene(
    asked: Annotated[
        str,
        typer.Argument(
            metavar="SCENE", help="Its id or name, as in 'Austin punk'; or a state's or nation's."
        ),
    ],
    on: Annotated[dt.datetime | None, day("The day; the latest if not given.")] = None,
    warehouse_dir: WAREHOUSE = None,
) -> None:
    """A scene's score on a day, as the sum of its parts; or that of a wider scope, as in 'Texas punk'."""
    _explain_with(explanation.explain_scene, warehouse_dir, asked, on.date() if on else None)


class Subject(StrEnum):
    """Whose total moved."""

    USER = "user"


@explain.command()
def change(
    _subject: Annotated[Subject, typer.Argument(metavar="user")],
    user_id: uuid.UUID,
    from_day: Annotated[dt.datetime, day("The day before the change.", "--from")],
    to_day: Annotated[dt.datetime, day("The last day of the change.", "--to")],
    warehouse_dir: WAREHOUSE = None,
) -> None:
    """Why a member's total moved between the ends of two days."""
    _explain_with(explanation.explain_change, warehouse_dir, user_id, from_day.date(), to_day.date())


def _explain_with(show: Callable[..., None], warehouse_dir: Path | None, *about: object) -> None:
    show(console, _published(warehouse_dir).published_file, *about)


def _published(warehouse_dir: Path | None) -> Settings:
    config = choose_directories(warehouse_dir)
    require_publication(config)
    return config
