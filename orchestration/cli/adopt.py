"""`warehouse adopt`: make a proposed policy the policy."""

import datetime as dt
from difflib import unified_diff
from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.console import WAREHOUSE, choose_directories, console, day
from orchestration.lock import hold
from orchestration.policy.adoption import Adopted
from orchestration.policy.adoption import adopt as adopt_policy
from orchestration.policy.checks import SEEDS_DIR
from orchestration.settings import IS_INSTALLED, Settings, UsageError


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
    """The last day of all kept publications, because an earlier one may be current; None if there is none."""
    from orchestration.build.archive import archived, current

    kept = [*archived(config), current(config)]
    return max((publication.as_of_date for publication in kept if publication), default=None)


def _show(file: Adopted) -> None:
    """Show what changed, line by line, and which scheduled lines were replaced."""
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
