"""`warehouse site`: the pages that people look at, from the published file."""

import webbrowser
from typing import Annotated

import typer

from orchestration.cli.console import WAREHOUSE, choose_published, console
from orchestration.lock import hold


def site(
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    warehouse_dir: WAREHOUSE = None,
) -> None:
    """Write the site of what is published: pages for scenes, artists and those who run it."""
    config = choose_published(warehouse_dir)
    hold(config)
    from orchestration.site.pages import write_site
    from orchestration.site.place import THE_SITE, indexes

    with console.status("Writing pages …") as status:
        write_site(config, lambda files: status.update(f"Writing pages … {files:,}"))
    for what, page in indexes(config).items():
        console.print(f"{what}: {page}", soft_wrap=True, markup=False)
    if show:
        # Not the folder that the link leads to, which goes with the next site.
        webbrowser.open(indexes(config)[THE_SITE].absolute().as_uri())
