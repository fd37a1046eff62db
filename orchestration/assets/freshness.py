"""The check that compares the published file with the clock, with every publication and every morning."""

import datetime as dt
from typing import Any

import dagster as dg

from orchestration.assets.alerts import send
from orchestration.assets.published import ANALYTICS
from orchestration.assets.records import FRESHNESS
from orchestration.build.archive import current
from orchestration.places import LogBesideError
from orchestration.raw.discover import nights_behind
from orchestration.settings import Settings, settings


@dg.asset_check(
    asset=ANALYTICS,
    description="The published file holds yesterday's data. Late data is warned about and never blocks.",
)
def data_is_as_fresh_as_expected(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """Warns when data is older than expected at this moment. The check in the morning also sends an alert."""
    config = settings()
    found = how_fresh(config)
    if not found["passed"] and context.run.job_name == FRESHNESS:
        send(config, "found late data", context.run.run_id, FRESHNESS, found["description"])
    return dg.AssetCheckResult(**found)


def how_fresh(config: Settings) -> dict[str, Any]:
    """How fresh the published file is at this moment."""
    try:
        published = current(config)
        description = f"the last day is {published.as_of_date}" if published else "nothing is published"
    except LogBesideError as error:
        published, description = None, str(error)
    behind = published and nights_behind(published.as_of_date, config.exports_dir, dt.datetime.now(dt.UTC))
    return {
        "passed": behind == 0,
        "severity": dg.AssetCheckSeverity.WARN,
        "description": description,
        "metadata": {"last day": published and str(published.as_of_date), "nights behind": behind},
    }


freshness = dg.define_asset_job(
    FRESHNESS,
    selection=dg.AssetSelection.checks(data_is_as_fresh_as_expected),
    description="Holds the published file against the clock, whether or not the nightly job published.",
    executor_def=dg.in_process_executor,
)
freshness_schedule = dg.ScheduleDefinition(
    name="freshness_at_0615",
    description="Every morning at 06:15 UTC, when the night should be in.",
    job=freshness,
    cron_schedule="15 6 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
