"""Tells Dagster about a run with nothing new: everything still holds since the run that built it.

Such a run makes nothing, so Dagster skips its steps. It would also show the checks as skipped, although
nothing has changed. So each check repeats what the last build found.
"""

from collections.abc import Iterator

import dagster as dg

from orchestration.assets.freshness import data_is_as_fresh_as_expected, how_fresh
from orchestration.assets.models import warehouse_models
from orchestration.assets.published import ANALYTICS
from orchestration.assets.site import SHOWS_IT, SITE, how_it_stands
from orchestration.build.archive import current
from orchestration.build.results import HOLDS_SINCE, found
from orchestration.build.working import is_built, is_published
from orchestration.settings import Settings


def nothing_is_new(config: Settings, run: dg.DagsterRun) -> bool:
    """Whether everything that a run asks for exists already, together with the result of every check.

    If somebody chose some of the models, they want these built, new or not.
    """
    models, chosen = warehouse_models().keys, run.asset_selection
    chooses_a_part = chosen is not None and models & chosen and not models <= chosen
    return (
        not chooses_a_part
        and is_published(config)
        and is_built(config)
        and {_test(spec) for spec in warehouse_models().check_specs} <= found(config).keys()
    )


def what_holds(
    config: Settings, run: dg.DagsterRun
) -> Iterator[dg.AssetCheckEvaluation | dg.AssetObservation]:
    """The results of the checks in a run with nothing new, and an observation of the published file."""
    since = {HOLDS_SINCE: dg.MetadataValue.dagster_run(current(config).run_id)}
    results = found(config)
    for spec in warehouse_models().check_specs:
        if _is_asked_for(spec.asset_key, run):
            result = results[_test(spec)]
            warns = result["status"] == "warn"
            yield dg.AssetCheckEvaluation(
                asset_key=spec.asset_key,
                check_name=spec.name,
                passed=not warns,
                severity=dg.AssetCheckSeverity.WARN if warns else dg.AssetCheckSeverity.ERROR,
                metadata={**since, "dagster_dbt/failed_row_count": result["failures"]},
            )
    if _is_asked_for(SITE, run):
        yield dg.AssetCheckEvaluation(SITE, SHOWS_IT.name, **how_it_stands(config))
    if _is_asked_for(ANALYTICS, run):
        # Time has passed, so this check runs again.
        (fresh,) = data_is_as_fresh_as_expected.check_keys
        yield dg.AssetCheckEvaluation(fresh.asset_key, fresh.name, **how_fresh(config))
        yield dg.AssetObservation(ANALYTICS, description="Nothing new.", metadata=since)


def _is_asked_for(asset: dg.AssetKey, run: dg.DagsterRun) -> bool:
    return run.asset_selection is None or asset in run.asset_selection


def _test(spec: dg.AssetCheckSpec) -> str:
    """The name that dbt gives to a check."""
    return spec.metadata["dagster_dbt/unique_id"]
