"""The commands that keep a warehouse healthy."""

import datetime as dt
import json
import uuid
from pathlib import Path
from typing import Annotated, Any

import duckdb
import typer

from orchestration.cli.console import (
    WAREHOUSE,
    Exit,
    choose_directories,
    console,
    make_directories,
    require_publication,
    require_warehouse,
    show_progress,
    stop,
)
from orchestration.cli.nightly import run_and_end
from orchestration.lock import hold
from orchestration.settings import HinderedError, UsageError
from orchestration.summary import how_it_ends, how_it_stays, how_late, span


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
    from orchestration.places import is_sealed
    from orchestration.upkeep.archive import read_publication
    from orchestration.upkeep.verification import published_laws
    from orchestration.upkeep.verification import verify as laws_on

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
    if is_ours and not is_sealed(file, read_publication(file).built_at):
        stop(
            Exit.NOT_PUBLISHED,
            f"the laws hold, but somebody wrote to {file} after it was published; run again to publish anew",
        )


def status(
    warehouse_dir: WAREHOUSE = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Say what is published and how old it is, how the last run ended, what is missing, how large all is."""
    config = choose_directories(warehouse_dir)
    require_warehouse(config)
    from orchestration.upkeep.status import status as how_it_stands

    found = how_it_stands(config, dt.datetime.now(dt.UTC))
    if as_json:
        console.print(json.dumps(found, indent=2), markup=False, highlight=False, soft_wrap=True)
    else:
        _show_status(found)


def rollback(
    publication: Annotated[
        str | None, typer.Argument(help="A file of publications/; if none, the one before the current.")
    ] = None,
    warehouse_dir: WAREHOUSE = None,
) -> None:
    """Publish an earlier publication again, until the next run."""
    config = choose_directories(warehouse_dir)
    require_publication(config)
    from orchestration.upkeep.archive import roll_back

    hold(config)
    now = roll_back(config, publication)
    console.print(f"Published again: {now.file.stem}, as of the end of {now.as_of_date}.", soft_wrap=True)
    console.print("The next run publishes anew.")


def prune(
    keep_days: Annotated[int, typer.Option(min=1, help="Delete what is older than so many days.")],
    dry_run: Annotated[bool, typer.Option(help="Only show what would be deleted.")] = False,
    warehouse_dir: WAREHOUSE = None,
) -> None:
    """Free space: delete old publications, records of old runs, and raw rows that no build needs."""
    config = choose_directories(warehouse_dir)
    require_publication(config)
    make_directories(config)
    from orchestration.upkeep.pruning import prunable
    from orchestration.upkeep.pruning import prune as let_go_of

    hold(config)
    what = prunable(config, keep_days, dt.datetime.now(dt.UTC))
    rows = [folder / "rows.parquet" for folder in what.nights]
    size = sum(file.stat().st_size for file in (*what.publications, *rows))
    for file in what.publications:
        console.print(f"publication {file.stem}", highlight=False, soft_wrap=True)
    for folder in what.nights:
        console.print(f"raw rows of {folder.parent.name} {folder.name}", highlight=False)
    if not dry_run:
        let_go_of(config, what)
    done = "would be deleted" if dry_run else "are deleted"
    console.print(
        f"{len(what.publications)} publications, the raw rows of {len(what.nights)} nights (one table each), "
        f"{size / 1e6:,.1f} MB, and the records of {len(what.runs)} runs {done}.",
        highlight=False,
        soft_wrap=True,
    )


def forget(
    user_id: uuid.UUID,
    exports_dir: Annotated[Path | None, typer.Option(help="The exports; else EXPORTS_DIR.")] = None,
    warehouse_dir: WAREHOUSE = None,
) -> None:
    """Erase a member now and for good, whether or not the platform still exports them, and publish anew."""
    config = choose_directories(warehouse_dir, exports_dir)
    require_warehouse(config)
    make_directories(config)
    from orchestration.erasure import is_known
    from orchestration.ingestion import recover
    from orchestration.pseudonyms import load
    from orchestration.raw_assets import TABLES

    show_progress()
    hold(config)
    recover(config, TABLES)
    with duckdb.connect() as connection:
        load(connection, config)
        if not is_known(connection, config, TABLES["users"], str(user_id)):
            raise UsageError(f"no users snapshot in {config.warehouse_dir} ever held {user_id}")
        (pseudonym,) = connection.execute("select pseudonym(?::uuid)", [str(user_id)]).fetchone()
    # Only the pseudonym goes into the record of the run.
    run_and_end(config, {"forget": [str(pseudonym)]})


def _show_status(found: dict[str, Any]) -> None:
    say = {"markup": False, "highlight": False, "soft_wrap": True}
    console.print(f"The warehouse: {found['warehouse']}", **say)
    for log in found["logs beside databases"]:
        console.print(
            f"Left by a client that wrote here, and seen by readers: {log}", style="bold red", **say
        )
    published = found["published"]
    if published is None and found["bytes"]["published"]:
        console.print("What is published cannot be said while a log lies beside it.", **say)
    elif published is None:
        console.print("Nothing is published yet; `warehouse run` publishes.", **say)
    else:
        console.print(
            f"Published: as of {published['as of']} UTC (last day {published['last day']}), "
            f"{published['age in hours']:,} hours old.",
            **say,
        )
        if published["was written to"]:
            console.print(
                "Somebody wrote to the published file after it was published; the next run publishes anew.",
                style="bold red",
                **say,
            )
        if behind := published["nights behind"]:
            console.print(how_late(behind), **say)
        elif published["last day"] == published["exports end"]:
            console.print(how_it_ends(published["last day"]), **say)
        for table, nights in published["nights missing"].items():
            console.print(f"Missing: {table}: {span(nights)}", **say)
    if last := found["last run"]:
        took = "" if last["seconds"] is None else f", {last['seconds']} seconds"
        console.print(f"Last run: {last['status']}, started {last['started']}{took} ({last['run']})", **say)
    if found["another run holds the warehouse"]:
        console.print("A run holds the warehouse now.", **say)
    for refusal in found["last refusals"]:
        console.print("Refused: {table} {night}: {reason}".format(**refusal), **say)
    for table, nights in found["read by an earlier version"].items():
        console.print(how_it_stays(found["exports"], table, nights), **say)
    for what, size in found["bytes"].items():
        console.print(f"{what:<13} {size / 1e6:>10,.1f} MB", **say)
