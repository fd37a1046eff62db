"""What all commands share: where they print, how they end, which warehouse they mean."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.logging import RichHandler

from orchestration.lock import make_private
from orchestration.settings import PACKAGE_DIR, Settings, UsageError, forget_variables, here, settings

LOG_WIDTH = 110
# Bound to the real standard output: dbt's lines are redirected while the job runs.
# Printed text is never markup: a directory may be called [bold].
console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else LOG_WIDTH, markup=False)
log = logging.getLogger("warehouse")

WAREHOUSE = Annotated[Path | None, typer.Option("--warehouse-dir", help="The warehouse; else WAREHOUSE_DIR.")]


class Exit(IntEnum):
    """The exit code of the command."""

    DONE = 0
    NOT_PUBLISHED = 1
    USAGE = 2
    BUSY = 3
    PUBLISHED_WITHOUT_REFUSED = 4


def say(message: str, style: str = "bold yellow") -> None:
    """Tell the user something that is not part of the result."""
    Console(stderr=True).print(message, style=style, markup=False, highlight=False, soft_wrap=True)


def stop(code: Exit, message: str) -> NoReturn:
    """End the command with a message and an exit code."""
    say(message, "bold red")
    raise typer.Exit(code)


def day(description: str, *names: str) -> object:
    """An option that takes a night."""
    return typer.Option(*names, help=description, formats=["%Y-%m-%d"], metavar="YYYY-MM-DD")


def choose_directories(warehouse_dir: Path | None, exports_dir: Path | None = None) -> Settings:
    """Put the options into the environment, over what it says: later code asks only the environment.

    Nothing is written. A Dagster that starts later finds no settings of other projects there.

    Import code that loads the models only after this call, because it asks where they may be prepared.
    """
    forget_variables("DAGSTER_", "DAGSTER_HOME")
    for name, path in (("EXPORTS_DIR", exports_dir), ("WAREHOUSE_DIR", warehouse_dir)):
        if path is not None:
            os.environ[name] = str(here() / path)
    config = settings()
    os.environ["WAREHOUSE_DIR"] = str(config.warehouse_dir)
    os.environ["DAGSTER_HOME"] = str(config.dagster_home)
    return config


def require_warehouse(config: Settings) -> None:
    """The warehouse must be there: a mistyped directory must not look like an empty one."""
    if not config.publications_dir.is_dir():
        raise UsageError(f"there is no warehouse in {config.warehouse_dir}; `warehouse run` builds one")


def require_publication(config: Settings) -> None:
    """Something must be published."""
    if not config.published_file.exists():
        raise UsageError(f"nothing is published in {config.warehouse_dir} yet; `warehouse run` publishes")


def choose_published(warehouse_dir: Path | None) -> Settings:
    """The settings of the warehouse that the options mean; something is published in it."""
    config = choose_directories(warehouse_dir)
    require_publication(config)
    return config


def require_place(output: Path, config: Settings) -> None:
    """Stop if the result may not be written to this place."""
    if not output.parent.is_dir():
        raise UsageError(f"there is no directory {output.parent}")
    if output.exists() and not output.is_file():
        raise UsageError(f"{output} is not a file")
    if output.resolve().is_relative_to(config.warehouse_dir):
        raise UsageError(f"{output} lies in the warehouse; write to another place")


@contextmanager
def whole(output: Path) -> Iterator[Path]:
    """Beside the place of a result, a file to write; it is moved there when it is whole, and else goes."""
    draft = output.with_name(f".{output.name}.new")
    try:
        yield draft
        draft.replace(output)
    finally:
        draft.unlink(missing_ok=True)


def make_directories(config: Settings) -> None:
    """Make the directories that the nightly job and Dagster need."""
    make_private(config)
    config.dagster_home.mkdir(parents=True, exist_ok=True)
    _configure_dagster(config.dagster_home / "dagster.yaml")


def _configure_dagster(file: Path) -> None:
    """Give Dagster our configuration if it has none or an earlier one of ours; one of somebody else stays."""
    ours = (PACKAGE_DIR / "dagster.yaml").read_text()
    if not file.exists() or file.read_text().partition("\n")[0] == ours.partition("\n")[0]:
        file.write_text(ours)


def show_progress() -> None:
    """Print the messages of a run while it goes on."""
    handler = RichHandler(console=console, show_path=False, show_level=False, log_time_format="%H:%M:%S")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    # Dagster warns that checks gave no result if nothing was built; then nothing is published either.
    logging.getLogger("dagster").setLevel(logging.ERROR)
