"""`warehouse profile`: the page of one member, on request."""

from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.console import WAREHOUSE, choose_published, console, require_place, whole


def profile(
    user_id: Annotated[str, typer.Argument(help="The member's id.")],
    page: Annotated[Path, typer.Option(help="The file to write; it is for this member alone.")],
    warehouse_dir: WAREHOUSE = None,
) -> None:
    """Write one member's page: points by kind and week, and every award with its rule in words."""
    config = choose_published(warehouse_dir)
    require_place(page, config)
    from orchestration.site.pages import write_profile

    with whole(page) as draft:
        write_profile(config, user_id, draft)
    console.print(f"The page: {page}", soft_wrap=True, markup=False)
