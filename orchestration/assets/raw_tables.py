"""The exports as assets: every raw table with a partition per night, and the records of the deliveries.

The nightly job reads everything new in one step, `ingest`, and reports every night that it accepted or
refused. In the UI, a person can have one night, or a range of nights, of some tables read again.
"""

import datetime as dt
import logging
import time
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from orchestration.ask.summary import how_it_stays
from orchestration.assets.records import forget, own_runs
from orchestration.assets.retries import trying_again
from orchestration.assets.unchanged import nothing_is_new, what_holds
from orchestration.build.as_published import (
    NOTHING_NEW,
    remember_delivered,
    remember_published,
    what_is_delivered,
)
from orchestration.build.manifest import books, export_tables, owner
from orchestration.build.run import write_run
from orchestration.lock import hold
from orchestration.raw.account import Outcome, left_behind, refusal
from orchestration.raw.discover import first_night, last_night
from orchestration.raw.intake import Intake, Wish, take_in
from orchestration.settings import UsageError, settings

log = logging.getLogger("warehouse")

# Seconds. A comparison of policies holds the warehouse for less, and must not make a scheduled run fail.
WAIT_FOR_COMPARISON = 120


class IngestionConfig(dg.Config):
    """What to ingest. All fields are empty for a normal night."""

    as_of: str = Field(
        default="", description="Rebuild as of this complete night (YYYY-MM-DD); empty: the latest."
    )
    nights: list[str] = Field(
        default_factory=list, description="Nights to read again although they are known (YYYY-MM-DD)."
    )
    confirm_departures: list[str] = Field(
        default_factory=list, description="Nights whose loss of members is real (YYYY-MM-DD)."
    )
    forget: list[str] = Field(
        default_factory=list,
        description="Pseudonyms of members to be forgotten; never ids, which would stay in the run's record.",
    )

    def wish(self) -> Wish:
        """The same as dates.

        Raises:
            UsageError: a text is not a date.
        """
        return Wish(
            as_of=next(iter(_dates([self.as_of] if self.as_of else [])), None),
            again=_dates(self.nights),
            confirmed_departures=_dates(self.confirm_departures),
            forget=self.forget,
        )


def raw_key(name: str) -> dg.AssetKey:
    """The asset of a source."""
    return dg.AssetKey(["raw", name])


def _spec(name: str, description: str, partitions: dg.PartitionsDefinition | None = None) -> dg.AssetSpec:
    return dg.AssetSpec(
        raw_key(name),
        group_name="raw",
        kinds={"parquet"},
        owners=[owner()],
        description=description,
        skippable=True,
        partitions_def=partitions,
    )


@cache
def raw_tables() -> dg.AssetsDefinition:
    """One asset per export table, with a partition for every night since the first one delivered.

    A night that was taken in is materialized. A refused night has an observation that says why. If the
    exports have ended, as those of the sample have, the partitions end with their last night.
    """
    directories = settings()
    ended = last_night(directories.exports_dir)
    nights = dg.DailyPartitionsDefinition(
        start_date=first_night(directories).isoformat(),
        end_date=(ended + dt.timedelta(days=1)).isoformat() if ended else None,
    )
    return dg.multi_asset(
        name="read_again",
        specs=[_spec(name, table.description, nights) for name, table in export_tables().items()],
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )(_read_again)


@cache
def delivery_books() -> dg.AssetsDefinition:
    """The records that ingestion keeps of the deliveries. The night's ingestion step writes them."""
    return dg.multi_asset(name="ingest", specs=[_spec(*book) for book in books().items()])(_ingest)


def _ingest(context: dg.AssetExecutionContext, config: IngestionConfig) -> Iterator[Any]:
    """Read every delivered night up to as-of that is new, corrected, or requested.

    If no night is new and its data is published, no asset is made. Dagster then skips the later steps.
    """
    directories, tables = settings(), export_tables()
    with trying_again(context):
        hold(directories, WAIT_FOR_COMPARISON)
    started = time.monotonic()
    wish, delivered = config.wish(), what_is_delivered(directories)
    intake = take_in(directories, tables, tables.keys(), wish)
    _tell(context, intake.outcomes.values())
    stays = [
        how_it_stays(directories.exports_dir, name, dates)
        for name, dates in left_behind(directories, tables).items()
    ]
    for sentence in stays:
        log.warning(sentence)
    if intake.members_erased:
        _forget_failures(context.instance)
    write_run(directories, intake.as_of_date, context.run.run_id)
    remember_delivered(directories, delivered if _holds_for_the_next(intake, wish) else "", stays)
    if nothing_is_new(directories, context.run):
        remember_published(directories)
        log.info(NOTHING_NEW)
        yield from what_holds(directories, context.run)
        return
    metadata = _of_run(intake, time.monotonic() - started)
    for name in sorted(books()):
        yield dg.MaterializeResult(asset_key=raw_key(name), metadata=metadata)


def _holds_for_the_next(intake: Intake, wish: Wish) -> bool:
    """Whether all was read as the next run would: no file was closed, and no earlier night was asked for."""
    outcomes = (outcome for of_table in intake.outcomes.values() for outcome in of_table)
    return wish.as_of is None and all(part.sha256 for outcome in outcomes for part in outcome.parts)


def _read_again(context: dg.AssetExecutionContext) -> Iterator[Any]:
    """Read nights of some tables again. The next nightly run builds with the new rows."""
    directories = settings()
    with trying_again(context):
        hold(directories, WAIT_FOR_COMPARISON)
    dates = _dates(context.partition_keys)
    selected = {key.path[-1] for key in context.selected_asset_keys}
    intake = take_in(directories, export_tables(), selected, Wish(again=dates))
    outcomes = [o for of_table in intake.outcomes.values() for o in of_table if o.night.date in dates]
    _tell(context, [outcomes])
    delivered = {(outcome.night.table, outcome.night.date): outcome for outcome in outcomes}
    wanting = [
        f"{name} {date}: {refusal(outcome) if outcome else 'it was not delivered'}"
        for name in sorted(selected)
        for date in dates
        if (outcome := delivered.get((name, date))) is None or outcome.action == "refused"
    ]
    if wanting:
        raise dg.Failure("Not everything could be read again:\n" + "\n".join(wanting), allow_retries=False)
    yield from ()


def _tell(context: dg.AssetExecutionContext, outcomes: Iterable[Iterable[Outcome]]) -> None:
    """Tell Dagster which nights were accepted or refused now."""
    for outcome in (outcome for some in outcomes for outcome in some):
        key, night = raw_key(outcome.night.table), outcome.night.date.isoformat()
        if outcome.action == "accepted":
            metadata = {
                "dagster/partition_row_count": outcome.rows - outcome.rejected,
                "rows delivered": outcome.rows,
                "rows rejected": outcome.rejected,
                "parts": len(outcome.parts),
                "bytes": sum(_size(path) for path in outcome.night.parts),
            }
            context.log_event(dg.AssetMaterialization(key, partition=night, metadata=metadata))
        elif outcome.action == "refused":
            context.log_event(
                dg.AssetObservation(key, partition=night, metadata={"refused": refusal(outcome)})
            )


def _forget_failures(instance: dg.DagsterInstance) -> None:
    """Delete the rows that failed runs showed: they may name somebody who is erased now."""
    failed = own_runs(instance, statuses=[dg.DagsterRunStatus.FAILURE])
    forget(instance, [record.dagster_run.run_id for record in failed])


def _dates(texts: Iterable[str]) -> list[dt.date]:
    try:
        return [dt.date.fromisoformat(text) for text in texts]
    except ValueError as error:
        raise UsageError(f"{error}; nights are written YYYY-MM-DD") from error


def _of_run(intake: Intake, seconds: float) -> dict[str, object]:
    """What a person wants to see beside a record of the deliveries; numbers where a plot can show them."""
    outcomes = [outcome for of_table in intake.outcomes.values() for outcome in of_table]
    ingested = [outcome for outcome in outcomes if outcome.action == "accepted"]
    refused = [
        f"{outcome.night.table} {outcome.night.date}: {refusal(outcome)}"
        for outcome in outcomes
        if outcome.action == "refused"
    ]
    return {
        "as of date": intake.as_of_date.isoformat(),
        "nights of tables delivered": len(outcomes),
        "nights of tables ingested now": len(ingested),
        "nights of tables refused": len(refused),
        "rows ingested now": sum(outcome.rows for outcome in ingested),
        "rows rejected now": sum(outcome.rejected for outcome in ingested),
        "bytes ingested now": sum(_size(path) for outcome in ingested for path in outcome.night.parts),
        "members erased": intake.members_erased,
        "refused": "; ".join(refused) or "none",
        "nights waiting": ", ".join(date.isoformat() for date in intake.waiting) or "none",
        "seconds": round(seconds, 2),
    }


def _size(path: Path) -> int:
    """The size of a part in bytes; 0 if it is a link that leads nowhere, or was deleted meanwhile."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
