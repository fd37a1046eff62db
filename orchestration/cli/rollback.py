"""`warehouse rollback`: publish an earlier publication again."""

from typing import Annotated

import typer

from orchestration.ask.summary import NO_SITE
from orchestration.cli.console import WAREHOUSE, choose_directories, console, require_publication, say
from orchestration.lock import hold


def rollback(
    publication: Annotated[
        str | None, typer.Argument(help="A file of publications/; if none, the one before the current.")
    ] = None,
    warehouse_dir: WAREHOUSE = None,
) -> None:
    """Publish an earlier publication again, until the next run."""
    config = choose_directories(warehouse_dir)
    require_publication(config)
    from orchestration.build.archive import roll_back
    from orchestration.site.pages import write_site

    hold(config)
    now = roll_back(config, publication)
    console.print(f"Published again: {now.file.stem}, as of the end of {now.as_of_date}.", soft_wrap=True)
    console.print("The next run publishes anew.")
    try:
        write_site(config)
    except Exception as error:  # whatever it is, the publication stands
        say(f"{NO_SITE} {error}")
