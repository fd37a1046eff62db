"""The commands on policy: what a proposal would have done."""

from pathlib import Path
from typing import Annotated

import duckdb
import typer

from orchestration.cli.console import WAREHOUSE, Exit, choose_directories, console, show_progress, stop
from orchestration.policy.checks import problems
from orchestration.policy.what_if import COMPARISON, replay
from orchestration.settings import settings
from orchestration.summary import rows_as_table


def what_if(
    candidate_dir: Annotated[Path, typer.Argument(help="A folder with point_rule.csv and score_policy.csv.")],
    warehouse_dir: WAREHOUSE = None,
) -> None:
    """Replay proposed point rules over all recorded acts; nothing is published or changed."""
    choose_directories(warehouse_dir)
    show_progress()
    found = problems(candidate_dir)
    if found:
        stop(Exit.USAGE, "\n".join(found))
    with duckdb.connect() as connection:
        try:
            replay(settings(), candidate_dir, connection)
        except FileNotFoundError as error:
            stop(Exit.USAGE, str(error))
        console.print(rows_as_table(connection.execute(COMPARISON), "By rule, now and with the candidate"))
