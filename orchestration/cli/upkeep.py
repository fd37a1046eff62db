"""The commands that keep a warehouse healthy."""

from pathlib import Path
from typing import Annotated

import duckdb
import typer

from orchestration.cli.console import WAREHOUSE, Exit, choose_directories, console, published_file, stop
from orchestration.settings import settings


def verify(
    file: Annotated[Path | None, typer.Argument(help="A published file; if none, the current one.")] = None,
    warehouse_dir: WAREHOUSE = None,
) -> None:
    """Check on a published file alone every law that needs nothing else."""
    from orchestration.verification import published_laws
    from orchestration.verification import verify as laws_on

    choose_directories(warehouse_dir)
    file = file or published_file(warehouse_dir)
    if not file.is_file():
        stop(Exit.USAGE, f"there is no file {file}")
    broken = 0
    try:
        for verdict in laws_on(file, published_laws(settings())):
            name = verdict.law.name.replace("_", " ")
            if not verdict.found:
                console.print(f"Law holds: {name}")
                continue
            broken += not verdict.law.only_warns
            style = "bold yellow" if verdict.law.only_warns else "bold red"
            warning = " (a warning)" if verdict.law.only_warns else ""
            console.print(f"Law found {verdict.found} rows{warning}: {name}", style=style)
            console.print(verdict.first_rows, markup=False, highlight=False, soft_wrap=True)
    except duckdb.Error as error:
        stop(Exit.NOT_PUBLISHED, f"{file} cannot be read as a publication: {error}")
    if broken:
        stop(Exit.NOT_PUBLISHED, f"{broken} laws do not hold on {file}")
