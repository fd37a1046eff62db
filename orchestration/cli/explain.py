"""`warehouse explain`: why a number is what it is."""

import datetime as dt
import uuid
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from orchestration.ask import explain as explanation
from orchestration.cli.console import WAREHOUSE, choose_published, console, day

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
    show(console, choose_published(warehouse_dir).published_file, *about)
