"""Dagster's view of ingestion: one asset per raw table, all made by one step."""

import datetime as dt
import logging
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from orchestration.erasure import settle
from orchestration.exports import Night, contract, delivered_nights, latest_complete_night, missing_tables
from orchestration.ingestion import Outcome, Part, ingest, known_parts, left_behind, recover, refusal
from orchestration.lock import hold
from orchestration.records import forget, own_runs
from orchestration.settings import UsageError, settings
from orchestration.summary import how_it_stays
from orchestration.transformation import MANIFEST, OWNER, write_run
from orchestration.unchanged import nothing_is_new, what_holds

log = logging.getLogger("warehouse")

TABLES = contract(MANIFEST)
# What ingestion says of the run as a whole, beside the tables.
BOOKS = {
    source["name"]: source["description"]
    for source in MANIFEST["sources"].values()
    if source["name"] not in TABLES
}


class IngestionConfig(dg.Config):
    """What to ingest; empty for a normal night."""

    as_of: str = ""
    """Rebuild as of this complete night (YYYY-MM-DD); empty: the latest."""
    nights: list[str] = Field(default_factory=list)
    """Nights to read again although they are known (YYYY-MM-DD)."""
    confirm_departures: list[str] = Field(default_factory=list)
    """Nights whose loss of members is real (YYYY-MM-DD)."""
    forget: list[str] = Field(default_factory=list)
    """Pseudonyms of members to be forgotten; never their ids, which would stay in the run's record."""


def _spec(name: str, description: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        ["raw", name],
        group_name="raw",
        kinds={"parquet"},
        owners=[OWNER],
        description=description,
        skippable=True,
    )


# Seconds; a comparison of policies holds the warehouse for less, and a scheduled run should not fail for it.
WAIT_FOR_COMPARISON = 120


@dg.multi_asset(
    name="ingest",
    specs=[_spec(name, table.description) for name, table in TABLES.items()]
    + [_spec(name, description) for name, description in BOOKS.items()],
    can_subset=True,
)
def raw_tables(context: dg.AssetExecutionContext, config: IngestionConfig) -> Iterator[Any]:
    """Read every delivered night up to as-of that is new, corrected, or asked for.

    If there was none and its data is published, no asset is made, and Dagster skips what would follow.
    """
    directories = settings()
    hold(directories, WAIT_FOR_COMPARISON)
    started = time.monotonic()
    selected = {key.path[-1] for key in context.selected_asset_keys}
    recover(directories, TABLES)
    nights = delivered_nights(directories.exports_dir, TABLES)
    known = known_parts(directories)
    arrived = {(night.table, night.date) for night in nights} | set(known)
    as_of_date = choose_as_of(arrived, config.as_of)
    outcomes: dict[str, list[Outcome]] = defaultdict(list)
    # Who has left by now is never shown, however early the night that is built.
    due = [
        night
        for night in nights
        if night.table in selected and (night.date <= as_of_date or TABLES[night.table].is_members)
    ]
    again, confirmed = map(_dates, (config.nights, config.confirm_departures))
    require_rows(known, as_of_date, {(night.table, night.date) for night in due if night.date in again})
    for date, of_night in groupby(
        ingest(directories, TABLES, due, again, confirmed), key=lambda outcome: outcome.night.date
    ):
        changed = []
        for outcome in of_night:
            outcomes[outcome.night.table].append(outcome)
            changed += [outcome] if outcome.action == "accepted" else []
        if changed:
            rows, rejected = (sum(getattr(o, what) for o in changed) for what in ("rows", "rejected"))
            log.info("night %s: %d tables, %d rows, %d rejected", date, len(changed), rows, rejected)
    refused = {
        (outcome.night.table, outcome.night.date)
        for of_table in outcomes.values()
        for outcome in of_table
        if outcome.action == "refused"
    }

    def read_again(returned: list[Night], erased_file: Path) -> None:
        dates = {night.date for night in returned}
        for outcome in ingest(directories, TABLES, returned, again=dates, erased_file=erased_file):
            log.info("read again %s %s: somebody in it returned", outcome.night.table, outcome.night.date)

    for name, dates in left_behind(directories, TABLES).items():
        log.warning(how_it_stays(directories.exports_dir, name, dates))
    standing = [night for night in nights if (night.table, night.date) not in refused]
    if settle(directories, TABLES, standing, read_again, config.forget):
        _forget_failures(context.instance)
    write_run(directories, as_of_date, context.run.run_id)
    if nothing_is_new(directories, context.run):
        log.info("nothing new: the published file already holds these deliveries")
        yield from what_holds(directories, context.run)
        return
    waiting = sorted({night.date.isoformat() for night in nights if night.date > as_of_date})
    for name in sorted(selected):
        metadata = _metadata(outcomes[name]) if name in TABLES else {
            "as of date": as_of_date.isoformat(),
            "nights waiting": ", ".join(waiting) or "none",
            "seconds": round(time.monotonic() - started, 2),
        }  # fmt: skip
        yield dg.MaterializeResult(asset_key=["raw", name], metadata=metadata)


def _forget_failures(instance: dg.DagsterInstance) -> None:
    """Failed runs say on which rows; those may name somebody who is now erased."""
    failed = own_runs(instance, statuses=[dg.DagsterRunStatus.FAILURE])
    forget(instance, [record.dagster_run.run_id for record in failed])


def choose_as_of(arrived: set[tuple[str, dt.date]], asked: str) -> dt.date:
    """The night to build as of: the one asked for if it is complete, else the latest complete one.

    Raises:
        UsageError: the night asked for is no date or is not complete.
        dg.Failure: no night is complete.
    """
    required = {name for name, table in TABLES.items() if table.required}
    if asked:
        (date,) = _dates([asked])
        missing = missing_tables(arrived, required, date)
        if missing:
            raise UsageError(f"{date} is not complete: {', '.join(missing)} did not arrive")
        return date
    latest = latest_complete_night(arrived, TABLES)
    if latest is None:
        nearest = max((date for _, date in arrived), default=None)
        missing = missing_tables(arrived, required, nearest) if nearest else sorted(required)
        night = f" for {nearest}" if nearest else ""
        raise dg.Failure(
            f"no complete night in {settings().exports_dir}: nothing arrived{night} of {', '.join(missing)}"
        )
    return latest


def require_rows(
    known: dict[tuple[str, dt.date], tuple[Part, ...]],
    as_of_date: dt.date,
    read_again: set[tuple[str, dt.date]],
) -> None:
    """The latest night of each table up to as-of must have its rows.

    Raises:
        UsageError: the rows of such a night were pruned and it is not read again now.
    """
    latest = {table: (table, night) for table, night in sorted(known) if night <= as_of_date}
    pruned = [night for night in latest.values() if night not in read_again and known[night][0].is_pruned]
    if pruned:
        tables = ", ".join(f"{table} {night}" for table, night in pruned)
        raise UsageError(
            f"{as_of_date} cannot be rebuilt: the rows of {tables} were pruned; read them again with --night"
        )


def _dates(texts: list[str]) -> list[dt.date]:
    try:
        return [dt.date.fromisoformat(text) for text in texts]
    except ValueError as error:
        raise UsageError(f"{error}; nights are written YYYY-MM-DD") from error


def _metadata(outcomes: list[Outcome]) -> dict[str, object]:
    """What a person wants to see beside a raw table."""
    ingested = [outcome for outcome in outcomes if outcome.action == "accepted"]
    refused = [
        f"{outcome.night.date}: {refusal(outcome)}" for outcome in outcomes if outcome.action == "refused"
    ]
    return {
        "nights delivered": len(outcomes),
        "nights ingested now": len(ingested),
        "rows ingested now": sum(outcome.rows for outcome in ingested),
        "rows rejected now": sum(outcome.rejected for outcome in ingested),
        "nights refused": "; ".join(refused) or "none",
        "bytes delivered": sum(_size(path) for outcome in outcomes for path in outcome.night.parts),
    }


def _size(path: Path) -> int:
    """Bytes of a part; 0 if it is a link that leads nowhere, or gone since."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
