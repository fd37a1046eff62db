"""Everything Dagster shows and runs."""

import dagster as dg
from dagster_dbt import DbtCliResource

from orchestration.publication import analytics
from orchestration.raw_assets import raw_tables
from orchestration.records import NIGHTLY
from orchestration.schedules import complete_night, nightly_schedule
from orchestration.settings import PROJECT_DIR
from orchestration.transformation import DBT_PROJECT, warehouse_models
from orchestration.upkeep.alerts import tell_of_a_failure, tell_of_refusals
from orchestration.upkeep.freshness import data_is_as_fresh_as_expected, freshness, freshness_schedule


def law_checks() -> list[dg.AssetCheckKey]:
    """The laws of tests/laws as Dagster shows them, by name."""
    laws = {path.stem for path in (PROJECT_DIR / "tests" / "laws").glob("*.sql")}
    return sorted((key for key in warehouse_models.check_keys if key.name in laws), key=lambda key: key.name)


nightly = dg.define_asset_job(
    NIGHTLY,
    selection=dg.AssetSelection.all(),
    description="Exports in, a published warehouse out.",
    executor_def=dg.in_process_executor,
    hooks={tell_of_a_failure, tell_of_refusals},
)

defs = dg.Definitions(
    assets=[raw_tables, warehouse_models, analytics],
    asset_checks=[data_is_as_fresh_as_expected],
    jobs=[nightly, freshness],
    schedules=[nightly_schedule, freshness_schedule],
    sensors=[complete_night],
    resources={"dbt": DbtCliResource(project_dir=DBT_PROJECT)},
    executor=dg.in_process_executor,
)
