"""Reads deliveries into `raw/`: those of one night, or of all nights that were missed.

This module decides which night is built, before it opens a part, and names what became of each delivery.
"""

import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import groupby

from orchestration.raw.account import Outcome, Part, known_parts
from orchestration.raw.contract import Table
from orchestration.raw.discover import delivered_nights, latest_complete_night, missing_tables
from orchestration.raw.erase import settle
from orchestration.raw.ingest import ingest
from orchestration.raw.store import recover
from orchestration.settings import HinderedError, Settings, UsageError

log = logging.getLogger("warehouse")


class NoCompleteNightError(HinderedError):
    """Nothing can be built yet; the message names what did not arrive."""


@dataclass(frozen=True)
class Wish:
    """What the user asks of an intake; nothing on a normal night.

    Nights are dates. `forget` holds pseudonyms, never ids.
    """

    as_of: dt.date | None = None
    again: Collection[dt.date] = ()
    confirmed_departures: Collection[dt.date] = ()
    forget: Collection[str] = ()


@dataclass(frozen=True)
class Intake:
    """The result: the night to build as of, the outcomes by table, what waits, how many were erased."""

    as_of_date: dt.date
    outcomes: dict[str, list[Outcome]]
    waiting: list[dt.date]
    members_erased: int


def take_in(config: Settings, tables: dict[str, Table], selected: Collection[str], wish: Wish) -> Intake:
    """Read every delivered night up to as-of that is new, corrected, or requested; erase members who left.

    Args:
        config: directories and limits; the caller holds the warehouse.
        tables: the contract.
        selected: the tables to read.
        wish: what the user asks for.

    Raises:
        UsageError: the wish is impossible.
        HinderedError: no night is complete, or the machine could not read one.
    """
    recover(config, tables)
    nights = delivered_nights(config.exports_dir, tables)
    known = known_parts(config)
    arrived = {(night.table, night.date) for night in nights} | set(known)
    as_of_date = choose_as_of(config, tables, arrived, wish.as_of)
    # Members who have left by now are never shown, however early the night that is built.
    due = [
        night
        for night in nights
        if night.table in selected and (night.date <= as_of_date or tables[night.table].is_members)
    ]
    require_rows(known, as_of_date, {(night.table, night.date) for night in due if night.date in wish.again})
    outcomes: dict[str, list[Outcome]] = defaultdict(list)
    for date, of_night in groupby(
        ingest(config, tables, due, wish.again, wish.confirmed_departures),
        key=lambda outcome: outcome.night.date,
    ):
        for outcome in (of_date := list(of_night)):
            outcomes[outcome.night.table].append(outcome)
        _tell(date, of_date)
    refused = {
        (outcome.night.table, outcome.night.date)
        for of_table in outcomes.values()
        for outcome in of_table
        if outcome.action == "refused"
    }
    standing = [night for night in nights if (night.table, night.date) not in refused]
    erased = settle(config, tables, standing, wish.forget)
    waiting = sorted({night.date for night in nights if night.date > as_of_date})
    return Intake(as_of_date, outcomes, waiting, erased)


def _tell(date: dt.date, outcomes: Iterable[Outcome]) -> None:
    """Log a line for a night that brought something."""
    changed = [outcome for outcome in outcomes if outcome.action == "accepted"]
    if changed:
        rows, rejected = (sum(getattr(outcome, what) for outcome in changed) for what in ("rows", "rejected"))
        log.info("night %s: %d tables, %d rows, %d rejected", date, len(changed), rows, rejected)


def choose_as_of(
    config: Settings, tables: dict[str, Table], arrived: set[tuple[str, dt.date]], asked: dt.date | None
) -> dt.date:
    """The night to build as of: the requested one, or the latest complete one if none is requested.

    Raises:
        UsageError: the requested night is not complete.
        NoCompleteNightError: no night is.
    """
    required = {name for name, table in tables.items() if table.required}
    if asked:
        if missing := missing_tables(arrived, required, asked):
            raise UsageError(f"{asked} is not complete: {', '.join(missing)} did not arrive")
        return asked
    latest = latest_complete_night(arrived, tables)
    if latest is None:
        nearest = max((date for _, date in arrived), default=None)
        missing = missing_tables(arrived, required, nearest) if nearest else sorted(required)
        night = f" for {nearest}" if nearest else ""
        raise NoCompleteNightError(
            f"no complete night in {config.exports_dir}: nothing arrived{night} of {', '.join(missing)}"
        )
    return latest


def require_rows(
    known: dict[tuple[str, dt.date], tuple[Part, ...]],
    as_of_date: dt.date,
    read_again: set[tuple[str, dt.date]],
) -> None:
    """Check that the latest night of each table up to as-of has its rows.

    Raises:
        UsageError: the rows of such a night were pruned, and this run does not read it again.
    """
    latest = {table: (table, night) for table, night in sorted(known) if night <= as_of_date}
    pruned = [night for night in latest.values() if night not in read_again and known[night][0].is_pruned]
    if pruned:
        named = ", ".join(f"{table} {night}" for table, night in pruned)
        raise UsageError(
            f"{as_of_date} cannot be rebuilt: the rows of {named} were pruned; read them again with --night"
        )
