"""The `warehouse` command.

Exit codes: 0 done; 1 not published, or a law does not hold, or it could not be done; 2 wrong usage;
3 another run holds the warehouse; 4 published although some delivery was refused.
"""

import sys

import typer

from orchestration.cli import nightly, policy, questions, upkeep

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


@app.callback()
def warehouse() -> None:
    """Activity warehouse: exports in, a published warehouse out."""


# In the order in which `warehouse --help` lists them: the run, questions, policy, upkeep.
COMMANDS = (
    nightly.run,
    nightly.dev,
    questions.query,
    policy.what_if,
    policy.adopt,
    upkeep.status,
    upkeep.verify,
    upkeep.rollback,
    upkeep.prune,
    upkeep.forget,
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(questions.explain, name="explain")


def main() -> None:
    """The entry point. What a terminal has no letter for is shown as a question mark, and ends nothing."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")
    app()
