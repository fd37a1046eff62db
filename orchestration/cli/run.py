"""`warehouse run`: the nightly job, once, in this process."""

import datetime as dt
import os
import shutil
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from orchestration.ask.summary import show_summary
from orchestration.cli.console import (
    WAREHOUSE,
    Exit,
    choose_directories,
    console,
    day,
    log,
    make_directories,
    show_progress,
    stop,
)
from orchestration.lock import WarehouseBusyError, hold
from orchestration.settings import HinderedError, Settings, UsageError

if TYPE_CHECKING:
    from dagster._core.execution.plan.objects import StepFailureData
    from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord


def run(
    exports_dir: Annotated[Path | None, typer.Option(help="The exports; else EXPORTS_DIR.")] = None,
    warehouse_dir: WAREHOUSE = None,
    as_of: Annotated[dt.datetime | None, day("Build as of the end of this night.")] = None,
    night: Annotated[list[dt.datetime] | None, day("Read this night again; may be repeated.")] = None,
    confirm_departures: Annotated[
        list[dt.datetime] | None, day("A night by which so many members really left; may be repeated.")
    ] = None,
    rehash: Annotated[
        bool, typer.Option("--rehash", help="Read every delivered file, also those that seem unchanged.")
    ] = False,
    engine: Annotated[
        str | None, typer.Option(help="What builds the models, duckdb or spark; else ENGINE.")
    ] = None,
) -> None:
    """Run the nightly job once, through Dagster, in this process."""
    if engine is not None:
        os.environ["ENGINE"] = engine
    of_the_sample = exports_dir is None and not os.environ.get("EXPORTS_DIR")
    config = choose_directories(warehouse_dir, exports_dir)
    if not of_the_sample and not config.exports_dir.is_dir():
        raise UsageError(f"there is no directory {config.exports_dir}")
    if config.engine == "spark":
        from orchestration.build.spark import require

        require(config)
    make_directories(config)
    show_progress()
    hold(config)
    if of_the_sample:
        _write_sample(config)
    if rehash:
        from orchestration.raw.fingerprints import forget

        forget(config)
    elif not (as_of or night or confirm_departures):
        _end_if_nothing_is_new(config)
    console.print("Preparing the models …", style="dim")
    ingestion = {
        "as_of": as_of.date().isoformat() if as_of else "",
        "nights": [date.date().isoformat() for date in night or []],
        "confirm_departures": [date.date().isoformat() for date in confirm_departures or []],
    }
    run_and_end(config, ingestion)


def _end_if_nothing_is_new(config: Settings) -> None:
    """If nothing has changed since all was published, say what a run would say, and end the command.

    Dagster is not loaded, and does not hear of it: what it shows still stands.
    """
    started = dt.datetime.now(dt.UTC)
    from orchestration.build.archive import current
    from orchestration.build.as_published import NOTHING_NEW, still_stands
    from orchestration.build.last_run import found_nothing_new
    from orchestration.build.results import laws_since

    stays = still_stands(config)
    if stays is None:
        return
    for sentence in stays:
        log.warning(sentence)
    log.info(NOTHING_NEW)
    found_nothing_new(config, started)
    _show_and_end(config, laws_since(config, current(config).run_id))


def run_and_end(config: Settings, ingestion: dict[str, object]) -> NoReturn:
    """Run the nightly job with this configuration of ingestion, show what came of it, and end the command."""
    failure, laws = _run_nightly(config, ingestion)
    if failure:
        stop(*failure)
    _show_and_end(config, laws)


def _show_and_end(config: Settings, laws: dict[str, str]) -> NoReturn:
    """Show what is published and how the laws stand, and end the command."""
    refused = show_summary(console, config, laws)
    raise typer.Exit(Exit.PUBLISHED_WITHOUT_REFUSED if refused else Exit.DONE)


def _write_sample(config: Settings) -> None:
    """Write a sample, so that a first run has something to read."""
    if config.exports_dir.exists():
        console.print(f"No EXPORTS_DIR given: reading the sample in {config.exports_dir}.")
        return
    from orchestration.sample import write_sample

    # A sample that broke off half-way must not look complete.
    draft = config.exports_dir.with_name(f".{config.exports_dir.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    nights = write_sample(draft)
    draft.rename(config.exports_dir)
    console.print(
        f"No EXPORTS_DIR given: wrote a small sample of {len(nights)} nights to {config.exports_dir}."
    )


def _run_nightly(
    config: Settings, ingestion: dict[str, object]
) -> tuple[tuple[Exit, str] | None, dict[str, str]]:
    """Run the job. Returns what went wrong, if anything, and the result of each law."""
    # Only a run of the job waits for Dagster and dbt to load; an explanation comes within a second.
    import dagster as dg

    from orchestration.assets.models import law_checks
    from orchestration.assets.records import NIGHTLY, execute
    from orchestration.build.working import is_published
    from orchestration.definitions import all_definitions

    run_config = {
        "ops": {"ingest": {"config": ingestion}},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }
    # The output of dbt and Dagster goes to a file, for those who want it.
    with dg.DagsterInstance.get() as instance, config.dbt_log.open("w") as dbt_log:
        with redirect_stdout(dbt_log), redirect_stderr(dbt_log):
            result = execute(all_definitions().resolve_job_def(NIGHTLY), instance, run_config)
        checks = instance.event_log_storage.get_latest_asset_check_execution_by_key(law_checks())
    laws = {key.name: _verdict(checks[key]) for key in law_checks() if key in checks}
    if result.success:
        # However a run ends, it was good if readers find this night, published now or before.
        return None if is_published(config) else (Exit.NOT_PUBLISHED, _unpublished(config)), laws
    failed = next(event for event in result.all_events if event.is_step_failure)
    return _explain(failed.step_failure_data), laws


def _unpublished(config: Settings) -> str:
    return (
        f"no step of the run failed, but {config.published_file} does not hold this night's publication; "
        f"run again, and look into {config.dbt_log} if it stays so"
    )


def _verdict(check: "AssetCheckExecutionRecord") -> str:
    """The result of a law when it was last checked."""
    import dagster as dg

    from orchestration.build.results import HOLDS_SINCE, in_words

    evaluation = check.evaluation
    if not isinstance(evaluation, dg.AssetCheckEvaluation):
        return "was not reached"
    since = evaluation.metadata.get(HOLDS_SINCE)
    warns = evaluation.severity == dg.AssetCheckSeverity.WARN
    return in_words(passed=evaluation.passed, warns=warns, since=since and str(since.value))


def _explain(failure: "StepFailureData") -> tuple[Exit, str]:
    """A failed step, in words that a person can act on."""
    if failure.user_failure_data:
        return Exit.NOT_PUBLISHED, failure.user_failure_data.description
    # Dagster keeps only the names of classes. The message of an error of ours is shown in full, whatever its
    # cause.
    codes = (
        dict.fromkeys(_kinds(HinderedError), Exit.NOT_PUBLISHED)
        | dict.fromkeys(_kinds(WarehouseBusyError), Exit.BUSY)
        | dict.fromkeys(_kinds(UsageError), Exit.USAGE)
    )
    error = failure.error
    while error.cause and error.cls_name not in codes:
        error = error.cause
    _, _, said = error.message.partition(f"{error.cls_name}: ")  # the class is named with its module
    return codes.get(error.cls_name, Exit.NOT_PUBLISHED), (said or error.message).strip()


def _kinds(error: type[Exception]) -> set[str]:
    """The names of a class and of all its subclasses."""
    return {error.__name__}.union(*(_kinds(kind) for kind in error.__subclasses__()))
