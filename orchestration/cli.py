"""The `warehouse` command.

Exit codes: 0 done, 1 not published, 2 wrong usage, 3 another run holds the warehouse,
4 published although some delivery was refused.
"""

import datetime as dt
import logging
import os
import shutil
import sys
import uuid
from collections.abc import Callable
from contextlib import redirect_stdout
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import dagster as dg
import duckdb
import typer
from rich.console import Console
from rich.logging import RichHandler

from orchestration import explanation, policy
from orchestration.lock import WarehouseBusyError, hold
from orchestration.settings import PROJECT_DIR, Settings, settings
from orchestration.summary import rows_as_table, show_summary
from orchestration.what_if import COMPARISON, replay

if TYPE_CHECKING:
    from dagster._core.execution.plan.objects import StepFailureData
    from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
LOG_WIDTH = 110
# Bound to the real standard output: dbt's lines are redirected while the job runs.
console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else LOG_WIDTH)
log = logging.getLogger("warehouse")


class Exit(IntEnum):
    """What the command says to the shell."""

    DONE = 0
    NOT_PUBLISHED = 1
    USAGE = 2
    BUSY = 3
    PUBLISHED_WITHOUT_REFUSED = 4


def _day(description: str) -> object:
    """An option that takes a night."""
    return typer.Option(help=description, formats=["%Y-%m-%d"], metavar="YYYY-MM-DD")


@app.callback()
def warehouse() -> None:
    """Activity warehouse: exports in, a published warehouse out."""


@app.command()
def run(
    exports_dir: Annotated[Path | None, typer.Option(help="Where the exports lie.")] = None,
    warehouse_dir: Annotated[Path | None, typer.Option(help="Where the warehouse lies.")] = None,
    as_of: Annotated[dt.datetime | None, _day("Rebuild as of this complete night.")] = None,
    night: Annotated[list[dt.datetime] | None, _day("Read this night again; may be repeated.")] = None,
    confirm_departures: Annotated[
        list[dt.datetime] | None, _day("A night whose loss of members is real; may be repeated.")
    ] = None,
) -> None:
    """Run the nightly job once, through Dagster, in this process."""
    _choose_directories(exports_dir, warehouse_dir)
    _show_progress()
    config = settings()
    try:
        hold(config)
    except WarehouseBusyError as busy:
        _stop(Exit.BUSY, str(busy))
    except OSError as error:
        _stop(Exit.NOT_PUBLISHED, f"cannot use the warehouse directory: {error}")
    if exports_dir is None and not os.environ.get("EXPORTS_DIR"):
        _write_sample(config)
    elif not config.exports_dir.is_dir():
        _stop(Exit.USAGE, f"there is no directory {config.exports_dir}")
    console.print("Preparing the models …", style="dim")
    ingestion = {
        "as_of": as_of.date().isoformat() if as_of else "",
        "nights": [day.date().isoformat() for day in night or []],
        "confirm_departures": [day.date().isoformat() for day in confirm_departures or []],
    }
    failure, laws = _run_nightly(config, ingestion)
    if failure:
        _stop(*failure)
    refused = show_summary(console, config.published_file, laws)
    raise typer.Exit(Exit.PUBLISHED_WITHOUT_REFUSED if refused else Exit.DONE)


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="A query on the published tables.")],
    warehouse_dir: Annotated[Path | None, typer.Option(help="Where the warehouse lies.")] = None,
) -> None:
    """Ask the published file, read-only; any DuckDB client can do the same."""
    file = _published_file(warehouse_dir)
    try:
        with duckdb.connect(str(file), read_only=True) as connection:
            console.print(rows_as_table(connection.execute(sql)))
    except duckdb.Error as error:
        _stop(Exit.USAGE, str(error))


@app.command()
def what_if(
    candidate_dir: Annotated[Path, typer.Argument(help="A folder with point_rule.csv and score_policy.csv.")],
    warehouse_dir: Annotated[Path | None, typer.Option(help="Where the warehouse lies.")] = None,
) -> None:
    """Replay proposed point rules over all recorded acts; nothing is published or changed."""
    _choose_directories(None, warehouse_dir)
    _show_progress()
    found = policy.problems(candidate_dir)
    if found:
        _stop(Exit.USAGE, "\n".join(found))
    with duckdb.connect() as connection:
        try:
            replay(settings(), candidate_dir, connection)
        except FileNotFoundError as error:
            _stop(Exit.USAGE, str(error))
        console.print(rows_as_table(connection.execute(COMPARISON), "By rule, now and with the candidate"))


explain = typer.Typer(no_args_is_help=True, help="Why: from a total to the delivered rows behind it.")
app.add_typer(explain, name="explain")
WAREHOUSE = Annotated[Path | None, typer.Option("--warehouse-dir", help="Where the warehouse lies.")]


@explain.command()
def user(user_id: uuid.UUID, warehouse_dir: WAREHOUSE = None) -> None:
    """A member's points, the acts behind them, and what was not awarded and why."""
    _explain_with(explanation.explain_user, warehouse_dir, user_id)


@explain.command()
def award(award_id: uuid.UUID, warehouse_dir: WAREHOUSE = None) -> None:
    """One act: its rule and version, its decision, the delivered file and row."""
    _explain_with(explanation.explain_award, warehouse_dir, award_id)


@explain.command()
def scene(
    scene_id: uuid.UUID,
    on: Annotated[dt.datetime | None, _day("The day; the latest if not given.")] = None,
    warehouse_dir: WAREHOUSE = None,
) -> None:
    """A scene's score on a day, as the sum of its parts."""
    _explain_with(explanation.explain_scene, warehouse_dir, scene_id, on.date() if on else None)


class Subject(StrEnum):
    """Whose total moved."""

    USER = "user"


@explain.command()
def change(
    _subject: Annotated[Subject, typer.Argument(metavar="user")],
    user_id: uuid.UUID,
    from_day: Annotated[dt.datetime, typer.Option("--from", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD")],
    to_day: Annotated[dt.datetime, typer.Option("--to", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD")],
    warehouse_dir: WAREHOUSE = None,
) -> None:
    """Why a member's total moved between the ends of two days."""
    _explain_with(explanation.explain_change, warehouse_dir, user_id, from_day.date(), to_day.date())


def _published_file(warehouse_dir: Path | None) -> Path:
    """The file to ask, or the end of the command if there is none yet."""
    _choose_directories(None, warehouse_dir)
    file = settings().published_file
    if not file.exists():
        _stop(Exit.USAGE, f"nothing is published in {file.parent} yet; `warehouse run` publishes")
    return file


def _explain_with(show: Callable[..., None], warehouse_dir: Path | None, *about: object) -> None:
    file = _published_file(warehouse_dir)
    try:
        show(console, file, *about)
    except explanation.UnknownIdError as unknown:
        _stop(Exit.USAGE, str(unknown))


@app.command()
def dev(
    warehouse_dir: Annotated[Path | None, typer.Option(help="Where the warehouse lies.")] = None,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3000,
) -> None:
    """Serve the Dagster UI and run its schedule and sensor, on this machine only."""
    _choose_directories(None, warehouse_dir)
    dagster = Path(sys.executable).with_name("dagster")
    where = ["--module-name", "orchestration.definitions", "--host", "127.0.0.1", "--port", str(port)]
    os.chdir(PROJECT_DIR)
    os.execv(dagster, [str(dagster), "dev", *where])  # noqa: S606  (our own program, no shell)


def _choose_directories(exports_dir: Path | None, warehouse_dir: Path | None) -> None:
    """Options win over the environment; from here on everything asks the environment."""
    for name, path in (("EXPORTS_DIR", exports_dir), ("WAREHOUSE_DIR", warehouse_dir)):
        if path is not None:
            os.environ[name] = str(path.resolve())
    config = settings()
    os.environ["WAREHOUSE_DIR"] = str(config.warehouse_dir)
    os.environ["DAGSTER_HOME"] = str(config.dagster_home)
    config.dagster_home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(PROJECT_DIR / "orchestration" / "dagster.yaml", config.dagster_home / "dagster.yaml")


def _show_progress() -> None:
    handler = RichHandler(console=console, show_path=False, show_level=False, log_time_format="%H:%M:%S")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    # Dagster warns that checks gave no result when nothing was built; then nothing is published either.
    logging.getLogger("dagster").setLevel(logging.ERROR)


def _write_sample(config: Settings) -> None:
    """A first run has something to read."""
    if config.exports_dir.exists():
        console.print(f"No EXPORTS_DIR given: reading the sample in {config.exports_dir}.")
        return
    from orchestration.sample import write_sample

    nights = write_sample(config.exports_dir)
    console.print(
        f"No EXPORTS_DIR given: wrote a small sample of {len(nights)} nights to {config.exports_dir}."
    )


def _run_nightly(
    config: Settings, ingestion: dict[str, object]
) -> tuple[tuple[Exit, str] | None, dict[str, str]]:
    """Run the job; what went wrong, if anything, and how each law stands."""
    from orchestration.definitions import defs, law_checks

    run_config = {
        "ops": {"ingest": {"config": ingestion}},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }
    # dbt's own lines go to a file: whoever wants them finds them, whoever watches sees progress.
    with dg.DagsterInstance.get() as instance, (config.warehouse_dir / "dbt.log").open("w") as dbt_log:
        with redirect_stdout(dbt_log):
            result = defs.resolve_job_def("nightly").execute_in_process(
                run_config=run_config, instance=instance, raise_on_error=False
            )
        checks = instance.event_log_storage.get_latest_asset_check_execution_by_key(law_checks())
    laws = {key.name: _verdict(check) for key, check in checks.items()}
    if result.success:
        return None, laws
    failed = next(event for event in result.all_events if event.is_step_failure)
    return _explain(failed.step_failure_data), laws


def _verdict(check: "AssetCheckExecutionRecord") -> str:
    """How a law stood when it was last looked at."""
    evaluation = check.evaluation
    if not isinstance(evaluation, dg.AssetCheckEvaluation):
        return "was not reached"
    if evaluation.passed:
        return "holds"
    is_warning = evaluation.severity == dg.AssetCheckSeverity.WARN
    return "found something (a warning)" if is_warning else "does not hold"


def _explain(failure: "StepFailureData") -> tuple[Exit, str]:
    """A failed step in words a person can act on."""
    if failure.user_failure_data:
        return Exit.NOT_PUBLISHED, failure.user_failure_data.description
    codes = {"UsageError": Exit.USAGE, "WarehouseBusyError": Exit.BUSY}
    error = failure.error
    while error.cause and error.cls_name not in codes:
        error = error.cause
    return codes.get(error.cls_name, Exit.NOT_PUBLISHED), error.message.removeprefix(
        f"{error.cls_name}: "
    ).strip()


def _stop(code: Exit, message: str) -> None:
    Console(stderr=True).print(message, style="bold red", markup=False, highlight=False)
    raise typer.Exit(code)


def main() -> None:
    """The entry point."""
    app()


if __name__ == "__main__":
    main()
