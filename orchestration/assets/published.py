"""The published file as an asset."""

import datetime as dt
import logging
import time
from functools import cache

import dagster as dg
import duckdb
from dagster_dbt import get_asset_key_for_model

from orchestration.assets.models import NOT_PUBLISHED, warehouse_models
from orchestration.assets.retries import trying_again
from orchestration.build.as_published import remember_published
from orchestration.build.manifest import manifest, owner
from orchestration.build.publication import publish, published_tables
from orchestration.build.working import is_built
from orchestration.lock import hold
from orchestration.places import read
from orchestration.settings import Settings, settings

log = logging.getLogger("warehouse")

ANALYTICS = dg.AssetKey(["published", "analytics"])
# A check looks at the data itself. The policy shows beside an asset when it was last made.
EVERY_NIGHT = dg.FreshnessPolicy.cron("15 6 * * *", lower_bound_delta=dt.timedelta(days=1))


@cache
def analytics() -> dg.AssetsDefinition:
    """The file that analysts query."""
    tables = published_tables(manifest()).values()
    return dg.asset(
        key=ANALYTICS,
        group_name="published",
        kinds={"duckdb"},
        owners=[owner()],
        freshness_policy=EVERY_NIGHT,
        description=(
            "analytics.duckdb: exactly the public tables, read-only, replaced at once by every good run. "
            "product/manifest.json leads to those of them that the product shows, as Parquet."
        ),
        deps=[get_asset_key_for_model([warehouse_models()], name) for name in tables],
    )(_publish)


def _publish(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Publish what was just built and tested."""
    config = settings()
    with trying_again(context):
        hold(config)
    if not is_built(config):
        raise dg.Failure(
            "Not published: the warehouse is not the whole build of what is in raw now; run the job nightly."
        )
    started = time.monotonic()
    try:
        with trying_again(context):
            archived = publish(config, list(published_tables(manifest()).values()))
        remember_published(config)
    except (duckdb.Error, OSError) as error:
        raise dg.Failure(f"{NOT_PUBLISHED}\n{error}") from error
    log.info("published %s", config.published_file)
    return dg.MaterializeResult(
        metadata={
            "file": dg.MetadataValue.path(str(config.published_file)),
            "product": dg.MetadataValue.path(str(config.product_manifest)),
            "archived as": archived.name,
            **_in_numbers(config),
            "seconds": round(time.monotonic() - started, 2),
            "run": context.run.run_id,
        }
    )


def _in_numbers(config: Settings) -> dict[str, object]:
    """Numbers about the publication that a plot can show."""
    with read(config.published_file) as connection:
        names = ("rows", "rows rejected", "points", "awards", "nights behind")
        found = connection.execute(
            """
            select
                (select sum(estimated_size)::bigint from duckdb_tables()),
                (select sum(rows_rejected)::bigint from row_account),
                (select sum(points)::bigint from activity_point),
                (select count(*) from activity_point where reverses_activity_point_id is null),
                (select nights_behind from publication)
            """
        ).fetchone()
    return dict(zip(names, found, strict=True)) | {"bytes": config.published_file.stat().st_size}
