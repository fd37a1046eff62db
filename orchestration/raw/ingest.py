"""From exports to `raw/`: read a delivered night, check every row, and swap it in."""

import datetime as dt
import logging
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import duckdb

from orchestration.database import files, one_row, quoted, set_up
from orchestration.places import closed_to_clients, remove
from orchestration.raw import fingerprints, read
from orchestration.raw.account import REJECTED_COLUMNS, Outcome, Part, create_table, known_parts, refusal
from orchestration.raw.contract import Table
from orchestration.raw.discover import MANIFEST_NAME, Night, shown_name
from orchestration.raw.fingerprints import Fingerprints
from orchestration.raw.pseudonyms import erase_again, load
from orchestration.raw.read import read_part
from orchestration.raw.refuse import RefusedError
from orchestration.raw.store import (
    refused_folder,
    row_columns,
    standing_folder,
    swap_in,
    take_out,
)
from orchestration.settings import HinderedError, Settings

log = logging.getLogger("warehouse")


class NoRoomError(HinderedError):
    """The machine, not a delivery, kept a night out; the message says what to do."""


def ingest(
    settings: Settings,
    tables: dict[str, Table],
    nights: Iterable[Night],
    again: Collection[dt.date] = (),
    confirmed_departures: Collection[dt.date] = (),
    erased_file: Path | None = None,
) -> Iterator[Outcome]:
    """Ingest nights, oldest first; yields what became of each.

    Args:
        settings: directories and limits.
        tables: the contract.
        nights: the delivered nights to look at, oldest first.
        again: nights to read again although they are known.
        confirmed_departures: nights whose loss of members is confirmed to be real.
        erased_file: the pseudonyms to hold ids against, if not those in force.

    Raises:
        NoRoomError: disk or memory is wanting, or a directory is closed. That is no reason to refuse a night.
    """
    known, seen = known_parts(settings), fingerprints.load(settings)
    with duckdb.connect() as connection:
        set_up(connection, settings.memory_limit, settings.incoming_dir / "spill")
        load(connection, settings)
        if erased_file:
            connection.execute(
                f"create or replace temp table erased as from read_parquet({files(erased_file)})"
            )
        for night in nights:
            table = tables[night.table]
            try:
                outcome = _ingest_night(
                    connection, settings, table, night, known, seen,
                    read_again=night.date in again,
                    departures_confirmed=night.date in confirmed_departures,
                )  # fmt: skip
            except (OSError, duckdb.OutOfMemoryException, duckdb.IOException) as error:
                raise NoRoomError(_no_room(settings, night, error)) from None
            if outcome.action == "accepted":
                known[night.table, night.date] = outcome.parts
            elif outcome.action == "refused":
                before = ""
                if standing_folder(settings, night).exists():
                    before = "; what was delivered before stays"
                elif known.pop((night.table, night.date), None):
                    before = "; it was accepted before, and its rows leave the warehouse"
                log.warning("refused %s %s: %s%s", night.table, night.date, refusal(outcome), before)
            yield outcome
    fingerprints.keep(settings, seen)


def _no_room(settings: Settings, night: Night, error: OSError | duckdb.Error) -> str:
    kept_out = f"{night.table} {night.date} could not be ingested, and what was published stays"
    if isinstance(error, duckdb.OutOfMemoryException):
        first_line = str(error).splitlines()[0]
        return f"{kept_out}: {first_line}; raise MEMORY_LIMIT ({settings.memory_limit}), then run again"
    where = settings.incoming_dir
    return f"{kept_out}: {error}; make room in {where} or open it to this user, then run again"


def _ingest_night(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    table: Table,
    night: Night,
    known: dict[tuple[str, dt.date], tuple[Part, ...]],
    seen: Fingerprints,
    *,
    read_again: bool,
    departures_confirmed: bool,
) -> Outcome:
    before = known.get((night.table, night.date), ())
    compared_with = _snapshot_before(table, night.date, known) if table.guard_departures else ()
    content_before = ",".join(part.sha256 for part in compared_with)
    parts = tuple(
        Part(
            table=table.name, night=night.date, name=shown_name(path.name),
            sha256=seen.of(path, anew=read_again), contract=table.fingerprint,
            reader=read.READER, compared_with=content_before,
        )
        for path in night.parts
    )  # fmt: skip
    if not read_again and _identities(parts) == _identities(before):
        take_out(settings, refused_folder(settings, night))
        return Outcome(night, "known", before)
    stands = _contents(parts) == _contents(before)
    confirmed_before = stands and any(part.departures_confirmed for part in before)
    if departures_confirmed or confirmed_before:
        parts = tuple(replace(part, departures_confirmed=True) for part in parts)
    with _work_folder(settings) as work:
        connection.execute("drop table if exists night_rows; drop table if exists night_rejected")
        create_table(connection, "night_rows", row_columns(table))
        create_table(connection, "night_rejected", REJECTED_COLUMNS)
        problem = night.problem
        if not problem:
            parts = tuple(
                _read_part(connection, settings, table, part, path, work)
                for part, path in zip(parts, night.parts, strict=True)
            )
            erase_again(connection, table, "night_rows")
            problem = next((part.reason for part in parts if part.reason), None) or _night_problem(
                connection, settings, table, night, parts, compared_with
            )
        if problem:
            parts = tuple(replace(part, status="refused", reason=part.reason or problem) for part in parts)
            connection.executemany(
                "update night_rejected set delivery_id = $1 where part = $2",
                [(part.delivery_id, part.name) for part in parts],
            )
            swap_in(connection, settings, parts, work, refused_folder(settings, night))
            if stands:
                # Not a new delivery but the standing one, judged anew: by another reader, under another
                # contract, or beside a night that arrived late.
                take_out(settings, standing_folder(settings, night))
            return Outcome(night, "refused", parts)
        if stands and (read_again or {part.reader for part in before} != {read.READER}):
            # Other rows of the same delivery: nothing else would tell that the warehouse must be built anew.
            with closed_to_clients(settings.warehouse_file):
                remove(settings.warehouse_file)
        swap_in(connection, settings, parts, work, standing_folder(settings, night))
    take_out(settings, refused_folder(settings, night))
    return Outcome(night, "accepted", parts)


def _identities(parts: tuple[Part, ...]) -> set[tuple[str | None, ...]]:
    return {(part.name, part.sha256, part.contract, part.reader, part.compared_with) for part in parts}


def _contents(parts: tuple[Part, ...]) -> set[tuple[str, str]]:
    return {(part.name, part.sha256) for part in parts}


def _snapshot_before(
    table: Table, date: dt.date, known: dict[tuple[str, dt.date], tuple[Part, ...]]
) -> tuple[Part, ...]:
    """The parts of the latest accepted night of a table before a date."""
    earlier = [night for name, night in known if name == table.name and night < date]
    return known[table.name, max(earlier)] if earlier else ()


@contextmanager
def _work_folder(settings: Settings) -> Iterator[Path]:
    work = settings.incoming_dir / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _read_part(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    table: Table,
    part: Part,
    path: Path,
    work: Path,
) -> Part:
    """Add a part to night_rows and night_rejected; a part that cannot be read says why."""
    try:
        delivered, rejected = read_part(
            connection, table, part.night, path, part.sha256, work, settings.max_unpacked_bytes
        )
    except RefusedError as refused:
        return replace(part, reason=str(refused))
    columns = ", ".join(quoted(column.name) for column in table.columns)
    tie_order = f"pseudonym({quoted(table.key[0])})" if table.holds_acts else "null"
    connection.execute(
        f"""
        insert into night_rows by name
        select
            {columns}, row_number, row_hash, $1::uuid as delivery_id, $2::date as night, $3 as part,
            {tie_order} as tie_order
        from checked
        where problem is null
        """,
        [part.delivery_id, part.night, part.name],
    )
    if rejected:
        connection.execute(
            """
            insert into night_rejected by name
            select
                $1::uuid as delivery_id, $2 as table_name, $3::date as night, $4 as part, row_number,
                column_name, reason, value
            from checked
            where problem is not null
            """,
            [part.delivery_id, part.table, part.night, part.name],
        )
    return replace(part, rows_delivered=delivered, rows_rejected=rejected)


def _night_problem(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    table: Table,
    night: Night,
    parts: tuple[Part, ...],
    compared_with: tuple[Part, ...],
) -> str | None:
    """Why a night that could be read must be refused all the same, or None."""
    delivered = sum(part.rows_delivered or 0 for part in parts)
    rejected = sum(part.rows_rejected or 0 for part in parts)
    if rejected > settings.max_rejected_rows and rejected > settings.max_rejected_share * delivered:
        part, row, column, reason = one_row(
            connection,
            """
            select part, row_number, column_name, reason
            from night_rejected
            order by part, row_number
            limit 1
            """,
        )
        return (
            f"{rejected} of {delivered} rows were rejected; the first is row {row} of {part}, "
            f"whose {column} {reason}"
        )
    return _manifest_problem(night, parts) or _departure_problem(
        connection, settings, table, night, parts, compared_with
    )


def _manifest_problem(night: Night, parts: tuple[Part, ...]) -> str | None:
    if night.manifest is None:
        return None
    present = {part.name: part for part in parts}
    for name in sorted(night.manifest.keys() ^ present.keys()):
        where = "is listed in" if name in night.manifest else "is not listed in"
        return f"{name} {where} {MANIFEST_NAME} but {'not there' if name in night.manifest else 'there'}"
    for name, expected in sorted(night.manifest.items()):
        part = present[name]
        for found, key in ((part.rows_delivered, "rows"), (part.sha256, "sha256")):
            if key in expected and expected[key] != found:
                return f"{name} disagrees with {MANIFEST_NAME}: {key} is {found}, not {expected[key]}"
    return None


def _departure_problem(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    table: Table,
    night: Night,
    parts: tuple[Part, ...],
    compared_with: tuple[Part, ...],
) -> str | None:
    """Why a snapshot looks truncated, or None. Members who were erased before do not count as missing."""
    if not compared_with or parts[0].departures_confirmed:
        return None
    date_before = compared_with[0].night
    key = quoted(table.key[0])
    rows_before = settings.raw_dir / table.name / date_before.isoformat() / "rows.parquet"
    people, departed = one_row(
        connection,
        f"""
        with people as (select distinct {key} as id from read_parquet({files(rows_before)})),
        gone as (select id from people where id not in (select {key} from night_rows)),
        come as (select distinct {key} as id from night_rows where {key} not in (select id from people))
        select
            (select count(*) from people),
            (select count(*) from gone where erased_as(id) not in (select erased_as(id) from come))
        """,
    )
    if departed <= settings.max_departed_share * people:
        return None
    return (
        f"{departed} of the {people} {table.name} of {date_before} are missing; if they really left, "
        f"run again with --confirm-departures {night.date}"
    )
