"""The commands on policy: what a proposal would have done, and adopting it."""

import datetime as dt
from difflib import unified_diff
from pathlib import Path
from typing import Annotated

import duckdb
import typer

from orchestration.cli.console import WAREHOUSE, Exit, choose_directories, console, day, show_progress, stop
from orchestration.lock import WarehouseBusyError, hold
from orchestration.policy.adoption import Adopted, AdoptionError
from orchestration.policy.adoption import adopt as adopt_policy
from orchestration.policy.checks import SEEDS_DIR, problems
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


def adopt(
    candidate_dir: Annotated[Path, typer.Argument(help="A folder with point_rule.csv and score_policy.csv.")],
    from_day: Annotated[dt.datetime, day("The first day it prices; no published day.", "--from")],
    version: Annotated[str, typer.Option("--version", help="What the new version of the policy is called.")],
    warehouse_dir: WAREHOUSE = None,
) -> None:
    """Write a proposal into the seeds, as lines that hold from a day on; earlier days keep their prices."""
    choose_directories(warehouse_dir)
    config = settings()
    try:
        hold(config)
        published_until = _published_until(config.published_file)
        changed = adopt_policy(SEEDS_DIR, candidate_dir, from_day.date(), version, published_until)
    except WarehouseBusyError as busy:
        stop(Exit.BUSY, str(busy))
    except (AdoptionError, OSError, duckdb.Error) as hindered:
        stop(Exit.USAGE, str(hindered))
    for file in changed:
        _show(file)
    console.print(
        f"Version {version} holds from {from_day.date()} on; the next `warehouse run` builds with it."
    )


def _published_until(published_file: Path) -> dt.date | None:
    """The last published day; none if nothing is published yet."""
    if not published_file.exists():
        return None
    with duckdb.connect(str(published_file), read_only=True) as connection:
        return connection.execute("select as_of_date from publication").fetchone()[0]


def _show(file: Adopted) -> None:
    """What changed, line by line, and which scheduled lines gave way."""
    name = f"seeds/{file.name}"
    colours = {"+": "green", "-": "red", "@": "cyan"}
    for line in unified_diff(file.before.splitlines(), file.after.splitlines(), name, name, lineterm="", n=1):
        console.print(line, style=colours.get(line[0]), markup=False, highlight=False, soft_wrap=True)
    for line in file.replaced:
        rule, version, begin = (
            line.values.get(column, "") for column in ("rule_id", "policy_version", "valid_from")
        )
        console.print(
            f"Replaced: version {version} of {rule or 'the score policy'}, which was to begin on {begin}.",
            soft_wrap=True,
            highlight=False,
        )
