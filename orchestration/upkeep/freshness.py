"""The check that holds the published file against the clock, with every publication and every morning."""

import datetime as dt

import dagster as dg

from orchestration.publication import analytics
from orchestration.records import FRESHNESS
from orchestration.settings import settings
from orchestration.summary import nights_behind
from orchestration.upkeep.alerts import send
from orchestration.upkeep.archive import current


@dg.asset_check(
    asset=analytics,
    description="The published file holds yesterday's data. Late data is warned about and never blocks.",
)
def data_is_as_fresh_as_expected(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """Warns when data is older than expected at this moment; the morning's look sends an alert, too."""
    config = settings()
    published = current(config)
    as_of_date = published and published.as_of_date
    behind = published and nights_behind(as_of_date, dt.datetime.now(dt.UTC))
    if behind != 0 and context.run.job_name == FRESHNESS:
        reason = f"the last day is {as_of_date}" if as_of_date else "nothing is published"
        send(config, "found late data", context.run.run_id, FRESHNESS, reason)
    return dg.AssetCheckResult(
        passed=behind == 0,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"last day": str(as_of_date), "nights behind": behind},
    )


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
