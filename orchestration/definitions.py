"""Everything that Dagster shows and runs. Nothing is read before Dagster asks for it."""

from functools import cache

import dagster as dg

from orchestration.assets.alerts import tell_of_a_failure, tell_of_refusals
from orchestration.assets.exposures import exposures
from orchestration.assets.freshness import data_is_as_fresh_as_expected, freshness, freshness_schedule
from orchestration.assets.models import warehouse_models
from orchestration.assets.published import analytics
from orchestration.assets.raw_tables import delivery_books, raw_tables
from orchestration.assets.records import NIGHTLY, in_process_and_recorded
from orchestration.assets.schedules import complete_night, nightly_schedule
from orchestration.assets.site import site


@cache
def all_definitions() -> dg.Definitions:
    """The assets, their checks, the jobs, and when they run."""
    tables = raw_tables()
    nightly = dg.define_asset_job(
        NIGHTLY,
        selection=dg.AssetSelection.all() - dg.AssetSelection.assets(*tables.keys),
        description="Exports in, a published warehouse out.",
        executor_def=in_process_and_recorded,
        hooks={tell_of_a_failure, tell_of_refusals},
    )
    return dg.Definitions(
        assets=[tables, delivery_books(), warehouse_models(), analytics(), site(), *exposures()],
        asset_checks=[data_is_as_fresh_as_expected],
        jobs=[nightly, freshness],
        schedules=[nightly_schedule, freshness_schedule],
        sensors=[complete_night],
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions that a code location loads."""
    return all_definitions()
