"""When the nightly job runs: every night at 03:15 UTC, and as soon as a new complete night has arrived.

A night that fails is tried again a few times, because the hindrance may pass. It is tried again at once when
something is delivered anew.
"""

import datetime as dt

import dagster as dg
from dagster._core.storage.dagster_run import ACTIVE_RUN_STATUSES

from orchestration.assets.alerts import send
from orchestration.assets.records import NIGHTLY, own_runs
from orchestration.build.archive import current
from orchestration.build.manifest import export_tables
from orchestration.lock import is_held
from orchestration.places import LogBesideError
from orchestration.raw.discover import delivered_nights, delivered_state, latest_complete_night
from orchestration.settings import Settings, settings

# A run takes the lock within seconds of its start. An older run without the lock is not running any more.
STARTS_WITHIN = dt.timedelta(minutes=5)
TRIES = 3
TRIED_AGAIN_AFTER = dt.timedelta(minutes=15)
DELIVERIES = "warehouse/deliveries"  # this tag says for which deliveries the sensor started a run

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
def complete_night(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Start a run for a new complete night, until one succeeds."""
    config = settings()
    close_broken_off_runs(context.instance, config)
    tables = export_tables()
    nights = delivered_nights(config.exports_dir, tables)
    night = latest_complete_night({(night.table, night.date) for night in nights}, tables)
    try:
        published = current(config)
    except LogBesideError:
        published = None  # the next run puts a clean file in place
    if night is None:
        return dg.SkipReason(f"no complete night in {config.exports_dir}")
    if published and night <= published.as_of_date:
        return dg.SkipReason(f"{published.as_of_date} is published and no later night is complete")
    return next_try(context.instance, night, delivered_state(n for n in nights if n.date <= night))


def next_try(instance: dg.DagsterInstance, night: dt.date, deliveries: str) -> dg.RunRequest | dg.SkipReason:
    """The next run for the deliveries up to a night, or why there is none now."""
    tried = own_runs(instance, job_name=NIGHTLY, tags={DELIVERIES: deliveries})
    runs = [record.dagster_run for record in tried]
    if not all(run.is_finished for run in runs):
        return dg.SkipReason(f"a run for {night} is under way")
    if any(run.is_success for run in runs):
        return dg.SkipReason(f"{night} was published before; the schedule publishes it again")
    if len(runs) >= TRIES:
        return dg.SkipReason(f"{night} failed {TRIES} times; the schedule or a new delivery tries it again")
    if tried and dt.datetime.now(dt.UTC) < (due := tried[0].update_timestamp + TRIED_AGAIN_AFTER):
        return dg.SkipReason(f"{night} failed and is tried again from {due:%H:%M} UTC on")
    return dg.RunRequest(f"{night} {deliveries} {len(runs) + 1}", tags={DELIVERIES: deliveries})


def close_broken_off_runs(instance: dg.DagsterInstance, config: Settings) -> None:
    """Mark the runs whose process was killed as failed, and send an alert: they could not do so themselves.

    Dagster takes them for running. It runs one at a time, so it would never start another.
    """
    long_ago = dt.datetime.now(dt.UTC) - STARTS_WITHIN
    unchanged = own_runs(instance, statuses=ACTIVE_RUN_STATUSES, updated_before=long_ago)
    if unchanged and not is_held(config):
        for record in unchanged:
            reason = "the process of this run ended without a word"
            instance.report_run_failed(record.dagster_run, reason)
            send(config, "broke off", record.dagster_run.run_id, NIGHTLY, reason)
