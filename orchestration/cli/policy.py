"""The commands on policy: what a proposal would have done, and adopting it."""

import datetime as dt
import shutil
from difflib import unified_diff
from pathlib import Path
from typing import Annotated

import duckdb
import typer

from orchestration.cli.console import (
    WAREHOUSE,
    choose_directories,
    console,
    day,
    require_warehouse,
    show_progress,
)
from orchestration.lock import hold, let_go
from orchestration.policy.adoption import Adopted
from orchestration.policy.adoption import adopt as adopt_policy
from orchestration.policy.checks import SEEDS_DIR, problems
from orchestration.policy.comparison import Comparison, Finding, compare, shown
from orchestration.policy.what_if import replay
from orchestration.settings import IS_INSTALLED, Settings, UsageError
from orchestration.table import Kind, show_rows


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
    # Drawing takes a second to load, which no other command should wait for.
    from orchestration.policy.page import write_page

    file = (page or config.what_if_dir / f"{candidate.name}.html").resolve()
    try:
        write_page(comparison, candidate.name, file)
    except OSError as error:
        raise UsageError(f"cannot write the page: {error}") from error
    console.print(f"The page: {file}", soft_wrap=True, markup=False, highlight=False)


def _replay_and_compare(config: Settings, candidate: Path, as_of_date: dt.date | None) -> Comparison:
    """The comparison, while no run may move the warehouse away; what was spilled is deleted."""
    hold(config)
    try:
        with duckdb.connect() as connection:
            replay(config, candidate, connection, as_of_date)
            return compare(connection)
    finally:
        shutil.rmtree(config.what_if_dir / "spill", ignore_errors=True)
        let_go(config)


def _show_finding(finding: Finding) -> None:
    """A finding for the terminal."""
    kinds = [Kind.NUMBER if is_number else Kind.TEXT for is_number in finding.are_numbers()]
    rows = [
        [shown(value, column, row[0]) for column, value in zip(finding.columns, row, strict=True)]
        for row in finding.rows
    ]
    show_rows(console, finding.columns, kinds, rows, finding.title)


def adopt(
    candidate_dir: Annotated[Path, typer.Argument(help="A folder with point_rule.csv and score_policy.csv.")],
    from_day: Annotated[dt.datetime, day("The first day of the new rules, not published yet.", "--from")],
    version: Annotated[str, typer.Option("--version", help="What the new version of the policy is called.")],
    warehouse_dir: WAREHOUSE = None,
) -> None:
    """Make a proposal the policy from a day on: write it into the seeds. Earlier days keep their prices."""
    if IS_INSTALLED:
        raise UsageError(
            "the point rules of an installed wheel come with it: adopt in a clone of the repository, "
            "then build and install the next wheel"
        )
    config = choose_directories(warehouse_dir)
    hold(config)
    for file in adopt_policy(SEEDS_DIR, candidate_dir, from_day.date(), version, _published_until(config)):
        _show(file)
    console.print(
        f"Version {version} holds from {from_day.date()} on; the next `warehouse run` builds with it."
    )


def _published_until(config: Settings) -> dt.date | None:
    """The last day of any publication kept, as an earlier one may be current; none if there is none."""
    from orchestration.upkeep.archive import archived, current

    kept = [*archived(config), current(config)]
    return max((publication.as_of_date for publication in kept if publication), default=None)


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
