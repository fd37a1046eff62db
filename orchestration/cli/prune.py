"""`warehouse prune`: free space."""

import datetime as dt
from typing import Annotated

import typer

from orchestration.cli.console import (
    WAREHOUSE,
    choose_directories,
    console,
    make_directories,
    require_publication,
)
from orchestration.lock import hold


def prune(
    keep_days: Annotated[int, typer.Option(min=1, help="Delete what is older than so many days.")],
    dry_run: Annotated[bool, typer.Option(help="Only show what would be deleted.")] = False,
    warehouse_dir: WAREHOUSE = None,
) -> None:
    """Free space: delete old publications, records of old runs, and raw rows that no build needs."""
    config = choose_directories(warehouse_dir)
    require_publication(config)
    make_directories(config)
    import dagster as dg

    from orchestration.assets.records import forget, runs_before
    from orchestration.build.archive import read_publication
    from orchestration.build.prune import prunable
    from orchestration.build.prune import prune as let_go_of

    hold(config)
    what = prunable(config, keep_days)
    published, ago = read_publication(config.published_file), dt.timedelta(days=keep_days)
    rows = [folder / "rows.parquet" for folder in what.nights]
    tables = [table for file in what.publications for table in (config.product_dir / file.stem).glob("*")]
    size = sum(file.stat().st_size for file in (*what.publications, *tables, *rows))
    for file in what.publications:
        console.print(f"publication {file.stem}", highlight=False, soft_wrap=True)
    for folder in what.nights:
        console.print(f"raw rows of {folder.parent.name} {folder.name}", highlight=False)
    with dg.DagsterInstance.get() as instance:
        runs = runs_before(instance, dt.datetime.now(dt.UTC) - ago, published.run_id)
        if not dry_run:
            let_go_of(config, what)
            forget(instance, runs)
    done = "would be deleted" if dry_run else "are deleted"
    console.print(
        f"{len(what.publications)} publications, the raw rows of {len(what.nights)} nights (one table each), "
        f"{size / 1e6:,.1f} MB, and the records of {len(runs)} runs {done}.",
        highlight=False,
        soft_wrap=True,
    )
