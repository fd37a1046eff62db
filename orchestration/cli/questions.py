"""The commands that ask the published file: a query, or why a number is what it is."""

import datetime as dt
import uuid
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import duckdb
import typer

from orchestration import explanation
from orchestration.cli.console import WAREHOUSE, choose_directories, console, day, require_publication
from orchestration.settings import UsageError
from orchestration.summary import rows_as_table


def query(
    sql: Annotated[str, typer.Argument(help="A query on the published tables.")],
    warehouse_dir: WAREHOUSE = None,
) -> None:
    """Ask the published file, read-only; any DuckDB client can do the same."""
    with duckdb.connect(str(_published_file(warehouse_dir)), read_only=True) as connection:
        try:
            result = connection.execute(sql)
        except duckdb.Error as error:
            raise UsageError(str(error)) from error
        if result is None:
            raise UsageError("this is no query; try one of README.md")
        console.print(rows_as_table(result))


explain = typer.Typer(no_args_is_help=True, help="Why: from a total to the delivered rows behind it.")


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
    scene_id: uuid.UUID,
    on: Annotated[dt.datetime | None, day("The day; the latest if not given.")] = None,
    warehouse_dir: WAREHOUSE = None,
) -> None:
    """A scene's score on a day, as the sum of its parts."""
    _explain_with(explanation.explain_scene, warehouse_dir, scene_id, on.date() if on else None)


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
    show(console, _published_file(warehouse_dir), *about)


def _published_file(warehouse_dir: Path | None) -> Path:
    config = choose_directories(warehouse_dir)
    require_publication(config)
    return config.published_file
