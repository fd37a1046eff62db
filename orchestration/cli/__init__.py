"""The `warehouse` command.

Exit codes: 0 done; 1 not published, or a law does not hold, or it could not be done; 2 wrong usage;
3 another run, or another program, holds the warehouse; 4 published although some delivery was refused.
"""

import sys
from typing import Any

import duckdb
import typer
from typer.core import TyperCommand, TyperGroup

from orchestration.cli import (
    adopt,
    dev,
    explain,
    forget,
    profile,
    prune,
    query,
    rollback,
    run,
    site,
    status,
    verify,
    what_if,
)
from orchestration.cli.console import Exit, console, stop
from orchestration.lock import WarehouseBusyError
from orchestration.settings import HinderedError, UsageError, settings

RUNS = ("run", "forget")


class InOneSentence(TyperGroup):
    """The one place that turns an error which ends a command into a sentence and an exit code.

    Any other exception is a defect of ours, and its traceback shows where.
    """

    def invoke(self, ctx: typer.Context) -> Any:
        """Run the command. If a run breaks off, send an alert where the settings say."""
        try:
            return super().invoke(ctx)
        except UsageError as wrong:
            stop(Exit.USAGE, str(wrong))
        except WarehouseBusyError as busy:
            stop(Exit.BUSY, str(busy))
        except BrokenPipeError:  # as with `| head`: the reader has seen enough
            console.on_broken_pipe()
        except _hindrances() as error:
            if ctx.invoked_subcommand not in RUNS:
                stop(Exit.NOT_PUBLISHED, f"it could not be done: {_plain(error)}")
            from orchestration.assets.alerts import in_short, send
            from orchestration.assets.records import NIGHTLY

            send(settings(), "broke off", "", NIGHTLY, in_short(error))
            stop(Exit.NOT_PUBLISHED, f"the run broke off, and what was published stays: {_plain(error)}")


class OptionsOfOneLine(TyperCommand):
    """An argument of several lines is no option, even if it begins with dashes: SQL may have a comment."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:
        """Read the arguments; a blank before a comment keeps its dashes from being read as an option's."""
        return super().parse_args(
            ctx, [f" {arg}" if arg.startswith("--") and "\n" in arg else arg for arg in args]
        )


def _hindrances() -> tuple[type[Exception], ...]:
    """The errors that say what hindered a command: ours, the machine's, and those of the databases."""
    return (HinderedError, OSError, duckdb.Error, *_of_dagsters_records())


def _of_dagsters_records() -> tuple[type[Exception], ...]:
    """The errors of Dagster's records; none before SQLAlchemy is loaded, which most commands do without."""
    loaded = sys.modules.get("sqlalchemy.exc")
    return (loaded.DatabaseError,) if loaded else ()


def _plain(error: Exception) -> str:
    """What happened, without the extra text of the library."""
    if isinstance(error, _of_dagsters_records()):
        return f"{error.orig} in {settings().dagster_home}"
    if isinstance(error, OSError) and error.filename is None:
        return f"{error} in {settings().warehouse_dir}"
    return str(error).partition("\n\n")[0]


app = typer.Typer(
    cls=InOneSentence,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help=__doc__,
)


@app.callback()
def warehouse() -> None:
    """Activity warehouse: exports in, a published warehouse out."""


# In the order in which `warehouse --help` lists them: the run, questions, policy, upkeep.
COMMANDS = (
    run.run,
    dev.dev,
    query.query,
    site.site,
    profile.profile,
    what_if.what_if,
    adopt.adopt,
    status.status,
    verify.verify,
    rollback.rollback,
    prune.prune,
    forget.forget,
)
for command in COMMANDS:
    app.command(cls=OptionsOfOneLine)(command)
app.add_typer(explain.explain, name="explain")


def main() -> None:
    """The entry point. A character that the terminal cannot show is printed as a question mark."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")
    app()
