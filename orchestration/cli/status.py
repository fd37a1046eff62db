"""`warehouse status`: how the warehouse stands."""

import datetime as dt
import json
from typing import Annotated, Any

import typer

from orchestration.ask.summary import NO_SITE, how_it_ends, how_it_stays, how_late, span
from orchestration.cli.console import WAREHOUSE, choose_directories, console, require_warehouse


def status(
    warehouse_dir: WAREHOUSE = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Say what is published and how old it is, how the last run ended, what is missing, how large all is."""
    config = choose_directories(warehouse_dir)
    require_warehouse(config)
    from orchestration.ask.status import status as how_it_stands

    found = how_it_stands(config, dt.datetime.now(dt.UTC))
    if as_json:
        console.print(json.dumps(found, indent=2), markup=False, highlight=False, soft_wrap=True)
    else:
        _show_status(found)


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
        if not published["product matches"]:
            console.print(
                "The tables in product/ are not those of the published file; the next run publishes anew.",
                style="bold red",
                **say,
            )
        if not published["site shows it"]:
            console.print(NO_SITE, style="bold yellow", **say)
        if behind := published["nights behind"]:
            console.print(how_late(behind), **say)
        elif published["last day"] == published["exports end"]:
            console.print(how_it_ends(published["last day"]), **say)
        for table, nights in published["nights missing"].items():
            console.print(f"Missing: {table}: {span(nights)}", **say)
    if last := found["last run"]:
        took = "" if last["seconds"] is None else f", {last['seconds']} seconds"
        console.print(
            f"Last run: {last['status']}, started {last['started']}{took} ({last['run'] or 'nothing new'})",
            **say,
        )
    if found["another run holds the warehouse"]:
        console.print("A run holds the warehouse now.", **say)
    for refusal in found["last refusals"]:
        console.print("Refused: {table} {night}: {reason}".format(**refusal), **say)
    for table, nights in found["read by an earlier version"].items():
        console.print(how_it_stays(found["exports"], table, nights), **say)
    for what, size in found["bytes"].items():
        console.print(f"{what:<13} {size / 1e6:>10,.1f} MB", **say)
