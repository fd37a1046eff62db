"""When the nightly job runs: every night at 03:15 UTC, and as soon as a new complete night lies ready."""

import datetime as dt
from collections.abc import Iterator

import dagster as dg
from dagster._core.storage.dagster_run import ACTIVE_RUN_STATUSES

from orchestration.exports import contract, delivered_nights, latest_complete_night
from orchestration.lock import is_held
from orchestration.records import NIGHTLY, own_runs
from orchestration.settings import Settings, settings
from orchestration.transformation import MANIFEST
from orchestration.upkeep.alerts import send
from orchestration.upkeep.archive import current

# A run takes the lock within seconds of its start; one that is older and holds none is not running.
STARTS_WITHIN = dt.timedelta(minutes=5)

nightly_schedule = dg.ScheduleDefinition(
    name="nightly_at_0315",
    description="Every night at 03:15 UTC, whatever has arrived by then.",
    job_name=NIGHTLY,
    cron_schedule="15 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)


@dg.sensor(
    name="complete_night",
    description="Starts the nightly job when a night later than the published one is complete.",
    job_name=NIGHTLY,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def complete_night(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """One run per new complete night."""
    config = settings()
    close_broken_off_runs(context.instance, config)
    tables = contract(MANIFEST)
    arrived = {(night.table, night.date) for night in delivered_nights(config.exports_dir, tables)}
    night = latest_complete_night(arrived, tables)
    published = current(config)
    if night is None:
        yield dg.SkipReason(f"no complete night in {config.exports_dir}")
    elif published and night <= published.as_of_date:
        yield dg.SkipReason(f"{published.as_of_date} is published and no later night is complete")
    else:
        yield dg.RunRequest(run_key=night.isoformat())


def close_broken_off_runs(instance: dg.DagsterInstance, config: Settings) -> None:
    """Write off the runs whose process was killed, and tell of them: they could not do so themselves.

    In Dagster's books they run on, and one run at a time means that no other would ever be started.
    """
    long_ago = dt.datetime.now(dt.UTC) - STARTS_WITHIN
    unchanged = own_runs(instance, statuses=ACTIVE_RUN_STATUSES, updated_before=long_ago)
    if unchanged and not is_held(config):
        for record in unchanged:
            reason = "the process of this run ended without a word"
            instance.report_run_failed(record.dagster_run, reason)
            send(config, "broke off", record.dagster_run.run_id, NIGHTLY, reason)
