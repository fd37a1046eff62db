"""The commands on policy: what a proposal would have done."""

import datetime as dt
import shutil
from pathlib import Path
from typing import Annotated

import duckdb
import typer
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from orchestration.cli.console import (
    WAREHOUSE,
    Exit,
    choose_directories,
    console,
    day,
    show_progress,
    stop,
)
from orchestration.lock import WarehouseBusyError, hold, let_go
from orchestration.policy.checks import problems
from orchestration.policy.comparison import Comparison, Finding, compare, shown
from orchestration.policy.what_if import DayNotRecordedError, replay
from orchestration.settings import Settings, settings


def what_if(
    candidate_dir: Annotated[Path, typer.Argument(help="A folder with point_rule.csv and score_policy.csv.")],
    as_of: Annotated[dt.datetime | None, day("Compare what was earned up to the end of this day.")] = None,
    page: Annotated[
        Path | None,
        typer.Option(help="The page to write; what_if/<candidate>.html in the warehouse if not given."),
    ] = None,
    warehouse_dir: WAREHOUSE = None,
) -> None:
    """Replay proposed point rules over all recorded acts and compare; nothing is published or changed."""
    choose_directories(warehouse_dir)
    show_progress()
    if found := problems(candidate_dir):
        stop(Exit.USAGE, "\n".join(found))
    config = settings()
    candidate = candidate_dir.resolve()
    comparison = _replay_and_compare(config, candidate, as_of.date() if as_of else None)
    console.print(f"\nUp to the end of {comparison.last_day}, under the rules now and then the candidate's.")
    for finding in comparison.findings.values():
        console.print(_as_table(finding))
    # Drawing takes a second to load, which no other command should wait for.
    from orchestration.policy.page import write_page

    file = (page or config.what_if_dir / f"{candidate.name}.html").resolve()
    try:
        write_page(comparison, candidate.name, file)
    except OSError as error:
        stop(Exit.USAGE, f"cannot write the page: {error}")
    console.print(f"The page: {file}", soft_wrap=True, markup=False, highlight=False)


def _replay_and_compare(config: Settings, candidate: Path, as_of_date: dt.date | None) -> Comparison:
    """The comparison, while no run may move the warehouse away; what was spilled is deleted."""
    try:
        hold(config)
        with duckdb.connect() as connection:
            replay(config, candidate, connection, as_of_date)
            return compare(connection)
    except WarehouseBusyError as busy:
        stop(Exit.BUSY, str(busy))
    except (FileNotFoundError, DayNotRecordedError) as error:
        stop(Exit.USAGE, str(error))
    except (OSError, duckdb.Error) as error:
        stop(Exit.NOT_PUBLISHED, f"cannot replay: {error}")
    finally:
        shutil.rmtree(config.what_if_dir / "spill", ignore_errors=True)
        let_go(config)


def _as_table(finding: Finding) -> Table:
    """A finding for the terminal."""
    table = Table(title=finding.title, title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0))
    for column, is_number in zip(finding.columns, finding.are_numbers(), strict=True):
        table.add_column(column, justify="right" if is_number else "left")
    for row in finding.rows:
        table.add_row(
            *(
                escape(shown(value, column, row[0]))
                for column, value in zip(finding.columns, row, strict=True)
            )
        )
    return table
