"""`warehouse what-if`: what a proposed policy would have changed."""

import datetime as dt
import shutil
from pathlib import Path
from typing import Annotated

import duckdb
import typer

from orchestration.ask.table import Kind, show_rows
from orchestration.cli.console import (
    WAREHOUSE,
    choose_directories,
    console,
    day,
    require_warehouse,
    show_progress,
)
from orchestration.lock import hold, let_go
from orchestration.policy.checks import problems
from orchestration.policy.comparison import Comparison, Finding, compare, shown
from orchestration.policy.what_if import replay
from orchestration.settings import Settings, UsageError


def what_if(
    candidate_dir: Annotated[Path, typer.Argument(help="A folder with point_rule.csv and score_policy.csv.")],
    as_of: Annotated[dt.datetime | None, day("Compare what was earned up to the end of this day.")] = None,
    page: Annotated[
        Path | None,
        typer.Option(help="The page to write; else what_if/<folder>.html in the warehouse."),
    ] = None,
    warehouse_dir: WAREHOUSE = None,
) -> None:
    """Replay proposed point rules over all recorded acts and compare; nothing is published or changed."""
    config = choose_directories(warehouse_dir)
    require_warehouse(config)
    show_progress()
    if found := problems(candidate_dir):
        raise UsageError("\n".join(found))
    candidate = candidate_dir.resolve()
    comparison = _replay_and_compare(config, candidate, as_of.date() if as_of else None)
    console.print(f"\nUp to the end of {comparison.last_day}. Now: the rules as built. Then: those proposed.")
    for finding in comparison.findings.values():
        _show_finding(finding)
    # The drawing library takes a second to load; no other command should wait for it.
    from orchestration.policy.page import write_page

    file = (page or config.what_if_dir / f"{candidate.name}.html").resolve()
    try:
        write_page(comparison, candidate.name, file)
    except OSError as error:
        raise UsageError(f"cannot write the page: {error}") from error
    console.print(f"The page: {file}", soft_wrap=True, markup=False, highlight=False)


def _replay_and_compare(config: Settings, candidate: Path, as_of_date: dt.date | None) -> Comparison:
    """The comparison, made while no run may move the warehouse away. Spilled files are deleted."""
    hold(config)
    try:
        with duckdb.connect() as connection:
            replay(config, candidate, connection, as_of_date)
            return compare(connection)
    finally:
        shutil.rmtree(config.what_if_dir / "spill", ignore_errors=True)
        let_go(config)


def _show_finding(finding: Finding) -> None:
    """Show a finding in the terminal."""
    kinds = [Kind.NUMBER if is_number else Kind.TEXT for is_number in finding.are_numbers()]
    rows = [
        [shown(value, column, row[0]) for column, value in zip(finding.columns, row, strict=True)]
        for row in finding.rows
    ]
    show_rows(console, finding.columns, kinds, rows, finding.title)
