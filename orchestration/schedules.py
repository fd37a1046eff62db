"""When the nightly job runs: every night at 03:15 UTC, and as soon as a new complete night lies ready."""

import datetime as dt
from collections.abc import Iterator

import dagster as dg
import duckdb

from orchestration.exports import contract, delivered_nights, latest_complete_night
from orchestration.reading import literal
from orchestration.settings import Settings, settings
from orchestration.transformation import MANIFEST

JOB = "nightly"

nightly_schedule = dg.ScheduleDefinition(
    name="nightly_at_0315",
    description="Every night at 03:15 UTC, whatever has arrived by then.",
    job_name=JOB,
    cron_schedule="15 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)


@dg.sensor(
    name="complete_night",
    description="Starts the nightly job when a night later than the published one is complete.",
    job_name=JOB,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def complete_night(_context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """One run per new complete night."""
    config = settings()
    tables = contract(MANIFEST)
    arrived = {(night.table, night.date) for night in delivered_nights(config.exports_dir, tables)}
    night = latest_complete_night(arrived, tables)
    published = published_night(config)
    if night is None:
        yield dg.SkipReason(f"no complete night in {config.exports_dir}")
    elif published is not None and night <= published:
        yield dg.SkipReason(f"{published} is published and no later night is complete")
    else:
        yield dg.RunRequest(run_key=night.isoformat())


def published_night(config: Settings) -> dt.date | None:
    """The as-of date of the published file, or None."""
    if not config.published_file.exists():
        return None
    with duckdb.connect() as connection:
        connection.execute(f"attach {literal(config.published_file)} as published (read_only)")
        return connection.execute("select as_of_date from published.main.publication").fetchone()[0]
