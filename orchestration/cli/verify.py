"""`warehouse verify`: the laws on a published file."""

from pathlib import Path
from typing import Annotated

import duckdb
import typer

from orchestration.cli.console import WAREHOUSE, Exit, choose_directories, console, require_publication, stop
from orchestration.settings import HinderedError, UsageError


def verify(
    file: Annotated[Path | None, typer.Argument(help="A published file; if none, the current one.")] = None,
    warehouse_dir: WAREHOUSE = None,
) -> None:
    """Check the laws on a published file: all that need nothing but the file itself."""
    config = choose_directories(warehouse_dir)
    if file is None:
        require_publication(config)
        file = config.published_file
    elif not file.is_file():
        raise UsageError(f"there is no file {file}")
    from orchestration.ask.verify import published_laws
    from orchestration.ask.verify import verify as laws_on
    from orchestration.build.archive import folder_matches, read_publication
    from orchestration.places import is_sealed

    broken = 0
    try:
        for verdict in laws_on(file, published_laws(config), config.memory_limit):
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
        raise HinderedError(f"{file} cannot be read as a publication: {error}") from error
    if broken:
        stop(Exit.NOT_PUBLISHED, f"{broken} laws do not hold on {file}")
    is_ours = file.resolve().is_relative_to(config.warehouse_dir)  # a copy has a time of its own
    publication = read_publication(file)
    if is_ours and not is_sealed(file, publication.built_at):
        stop(
            Exit.NOT_PUBLISHED,
            f"the laws hold, but somebody wrote to {file} after it was published; run again to publish anew",
        )
    if file == config.published_file and not folder_matches(config, publication):
        stop(
            Exit.NOT_PUBLISHED,
            f"the laws hold, but the tables in {config.product_dir} are not those of the published file; "
            "run again to publish anew",
        )
