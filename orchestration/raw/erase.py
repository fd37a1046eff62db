"""Erases members who left the platform, or asked to be forgotten, from `raw/`.

A member has departed if an accepted users snapshot held them and the latest one does not. Pseudonyms replace
their id and the ids of their rows in every night that holds them, or, if the run breaks off, in none. If they
are in the latest snapshot again, they get their ids back: the nights that hold them are read again.
"""

import logging
import shutil
from collections.abc import Collection
from pathlib import Path

import duckdb

from orchestration.database import literal, one_row, set_up
from orchestration.places import sync, sync_whole
from orchestration.raw.contract import Table
from orchestration.raw.discover import Night
from orchestration.raw.erase_publications import delete_publications
from orchestration.raw.erasure_plan import Key, nights_holding, plan_erasure, standing_night
from orchestration.raw.ingest import ingest
from orchestration.raw.pseudonyms import ids_in, load, substituted, write_erased
from orchestration.raw.store import finish_erasure
from orchestration.settings import Settings

log = logging.getLogger("warehouse")


def settle(
    settings: Settings,
    tables: dict[str, Table],
    nights: Collection[Night],
    forget: Collection[str] = (),
) -> int:
    """Erase members who left or are to be forgotten, and give members who returned their ids back.

    Args:
        settings: directories.
        tables: the contract.
        nights: the nights that the exports still hold unchanged.
        forget: pseudonyms of members to forget, wherever they are delivered.

    Returns:
        How many members were erased now.
    """
    readable = {(night.table, night.date): night for night in nights}
    draft = settings.incoming_dir / "erased.parquet"
    with duckdb.connect() as connection:
        set_up(connection, settings.memory_limit, settings.incoming_dir / "spill")
        load(connection, settings)
        # A snapshot that is read again may show more members who returned. Two rounds are enough: a night
        # that still holds a dropped pseudonym after them cannot be read again.
        for may_read in (readable, readable, {}):
            plan_erasure(connection, settings, tables, forget)
            returned = _let_go(connection, settings, tables, may_read)
            if not returned:
                break
            # Write only pseudonyms already in force: the next plan would take any other pseudonym for an id.
            write_erased(connection, "(from wanted where pseudonym in (select pseudonym from erased))", draft)
            _read_again(settings, tables, [readable[key] for key in returned], draft)
        return _carry_out(connection, settings, tables)


def _read_again(settings: Settings, tables: dict[str, Table], nights: list[Night], erased_file: Path) -> None:
    """Read nights again, oldest first, with other pseudonyms in force."""
    oldest_first = sorted(nights, key=lambda night: (night.date, night.table))
    dates = {night.date for night in nights}
    for outcome in ingest(settings, tables, oldest_first, again=dates, erased_file=erased_file):
        log.info("read again %s %s: somebody in it returned", outcome.night.table, outcome.night.date)


def _let_go(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    tables: dict[str, Table],
    readable: Collection[Key],
) -> set[Key]:
    """The nights to read again, so that dropped pseudonyms are gone from raw.

    In a night that cannot be read again, a member still gets their id back if a snapshot tells whose it is.
    The ids of their rows stay erased, there and wherever these rows are delivered again.
    """
    holding = nights_holding(connection, settings, tables, "select pseudonym from dropped")
    lost = holding - set(readable)
    if lost:
        connection.execute("create or replace temp table held (pseudonym uuid)")
        for name, date in lost:
            rows = standing_night(settings, tables[name], date)
            connection.execute(
                f"""
                insert into held
                select distinct id from ({ids_in(tables[name], rows)})
                where id in (select pseudonym from dropped)
                """
            )
        connection.execute(
            """
            insert into substitution
            select pseudonym, any_value(id) from person
            where id <> pseudonym and pseudonym in (select pseudonym from held)
            group by pseudonym;
            insert into wanted
            select pseudonym, reason from erased
            where pseudonym in (select pseudonym from held)
                and pseudonym not in (select old_id from substitution);
            delete from dropped where pseudonym in (select pseudonym from wanted);
            """
        )
        holding = nights_holding(connection, settings, tables, "select pseudonym from dropped")
    return holding & set(readable)


def _carry_out(connection: duckdb.DuckDBPyConnection, settings: Settings, tables: dict[str, Table]) -> int:
    """Prepare every night anew, then put all in their places, together with the pseudonyms in force."""
    everything_is_said = one_row(
        connection,
        "select not exists (from substitution) and not exists (from wanted except from erased)"
        " and not exists (from erased except from wanted)",
    )[0]
    if everything_is_said:
        return 0
    prepared = settings.incoming_dir / "erasure"
    shutil.rmtree(prepared, ignore_errors=True)
    prepared.mkdir(parents=True)
    nights = nights_holding(connection, settings, tables, "select old_id from substitution")
    for name, date in sorted(nights):
        rows = standing_night(settings, tables[name], date)
        (prepared / name).mkdir(exist_ok=True)
        connection.execute(
            f"""
            copy ({substituted(tables[name], rows)})
            to {literal(prepared / name / f"{date.isoformat()}.parquet")} (format parquet, compression zstd)
            """
        )
    delete_publications(connection, settings)
    write_erased(connection, "wanted", prepared / settings.erased_file.name)
    sync_whole(prepared)  # the nights must reach the disk before the mark that they are complete
    (prepared / "complete").touch()
    for folder in (prepared, settings.incoming_dir, settings.warehouse_dir):
        sync(folder)  # and the mark must reach the disk before a night takes its place
    finish_erasure(settings)
    erased, returned = one_row(
        connection,
        """
        select
            (select count(*) from wanted where reason in ('departed', 'forgotten')
                and pseudonym not in (select pseudonym from erased)),
            (select count(*) from erased where reason = 'departed'
                and pseudonym not in (select pseudonym from wanted))
        """,
    )
    if erased:
        log.info(
            "%d members erased: they left the platform or asked to be forgotten. Pseudonyms took the place "
            "of their ids, and what they earned stays in every total; see docs/privacy.md",
            erased,
        )
    if returned:
        log.info("%d members are in a users snapshot again and have their ids back", returned)
    return int(erased)
