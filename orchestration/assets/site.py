"""The site as an asset. A publication never waits for it, and stands if it cannot be written."""

import logging
import time
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import dagster as dg

from orchestration.assets.alerts import in_short, send
from orchestration.assets.published import ANALYTICS, EVERY_NIGHT
from orchestration.assets.retries import trying_again
from orchestration.build.archive import current
from orchestration.build.manifest import owner
from orchestration.lock import hold
from orchestration.settings import Settings, settings
from orchestration.site.place import AUDIENCES, index, shows

if TYPE_CHECKING:
    from orchestration.site.pages import Written

log = logging.getLogger("warehouse")

SITE = dg.AssetKey(["published", "site"])
SHOWS_IT = dg.AssetCheckSpec(
    "shows_what_is_published",
    asset=SITE,
    description="The site shows the published file. If it could not be written, the last one stays.",
)


@cache
def site() -> dg.AssetsDefinition:
    """The pages that people look at."""
    return dg.multi_asset(
        name="published__site",
        specs=[
            dg.AssetSpec(
                SITE,
                deps=[ANALYTICS],
                skippable=True,  # not made if it cannot be written
                group_name="published",
                kinds={"html"},
                owners=[owner()],
                freshness_policy=EVERY_NIGHT,
                description=(
                    "site/: pages for scenes (public/), artists (artists/) and those who run it (internal/), "
                    "swapped in whole after every publication."
                ),
            )
        ],
        check_specs=[SHOWS_IT],
    )(_write)


def _write(context: dg.AssetExecutionContext) -> Iterator[Any]:
    """Write the site of what is published. Whatever hinders it is reported, and the run goes on."""
    from orchestration.site.pages import write_site

    config = settings()
    with trying_again(context):
        hold(config)
    started = time.monotonic()
    try:
        written = write_site(config, lambda files: log.info("site: %d files", files))
    except Exception as error:
        log.exception("the site could not be written")
        send(config, "could not write the site", context.run.run_id, SITE.path[-1], in_short(error))
    else:
        yield dg.MaterializeResult(
            asset_key=SITE,
            metadata={
                "verdict": written.verdict.sentence,
                "index": dg.MetadataValue.path(str(index(config))),
                "preview": dg.MetadataValue.md(_preview(config, written)),
                "files": sum(written.files.values()),
                "new files": written.new,
                "seconds": round(time.monotonic() - started, 2),
            },
        )
    yield dg.AssetCheckResult(**how_it_stands(config), asset_key=SITE, check_name=SHOWS_IT.name)


def how_it_stands(config: Settings) -> dict[str, Any]:
    """Whether the site shows what is published, as the result of the check."""
    published = current(config)
    stands = bool(published) and shows(config, published.run_id)
    why_not = "`warehouse site` writes it; the log of the run says what hindered it."
    return {
        "passed": stands,
        "severity": dg.AssetCheckSeverity.WARN,
        "description": "" if stands else why_not,
    }


def _preview(config: Settings, written: "Written") -> str:
    """Whether last night is right, what was written for whom, and the page that each opens first."""
    rows = [
        f"| {audience} | {written.files[audience]} | `{index(config, audience)}` |" for audience in AUDIENCES
    ]
    verdict = f"**Is last night right?** {written.verdict.sentence}"
    return "\n".join([verdict, "", "| audience | files | opens with |", "| --- | ---: | --- |", *rows])
