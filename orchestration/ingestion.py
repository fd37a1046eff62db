"""From exports to `raw/`: read a delivered night, check every row, and swap it in.

`raw/<table>/<night>/` holds what was accepted (rows.parquet), what was rejected (rejected.parquet) and one
line per part (delivered.parquet). A refused night leaves the same without rows in `<night>.refused/`, beside
whatever good data the night already has. DuckDB reads and checks; rows never pass through Python.
"""

import datetime as dt
import hashlib
import logging
import shutil
import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from orchestration.erasure import finish
from orchestration.exports import MANIFEST_NAME, Night, Table, is_delivered, shown_name
from orchestration.places import closed_to_clients, move, move_for_good, remove, sync_whole
from orchestration.pseudonyms import erase_again, load
from orchestration.reading import (
    READER,
    STORED_TYPES,
    RefusedError,
    checksum,
    files,
    literal,
    pattern,
    quoted,
    read_part,
)
from orchestration.settings import HinderedError, Settings

log = logging.getLogger("warehouse")

DELIVERED_COLUMNS = {
    "delivery_id": "uuid",
    "table_name": "varchar",
    "night": "date",
    "part": "varchar",
    "status": "varchar",
    "reason": "varchar",
    "rows_delivered": "bigint",
    "rows_rejected": "bigint",
    "sha256": "varchar",
    "contract": "varchar",
    "reader": "varchar",
    "compared_with": "varchar",
    "departures_confirmed": "boolean",
    # A model derives these from the rows; they are written down when the rows are pruned.
    "rows_accepted": "bigint",
    "rows_duplicate": "bigint",
    "rows_superseded": "bigint",
}
REJECTED_COLUMNS = {
    "delivery_id": "uuid",
    "table_name": "varchar",
    "night": "date",
    "part": "varchar",
    "row_number": "bigint",
    "column_name": "varchar",
    "reason": "varchar",
    "value": "varchar",
}
BOOKKEEPING_COLUMNS = {
    "delivery_id": "uuid",
    "night": "date",
    "part": "varchar",
    "row_number": "bigint",
    "row_hash": "uuid",
    # The pseudonym of an act's id, before erasure and after: it says which of two at one instant comes first.
    "tie_order": "uuid",
}


class NoRoomError(HinderedError):
    """The machine, not a delivery, kept a night out; the message says what to do."""


@dataclass(frozen=True)
class Part:
    """One delivered part and what became of it: a row of delivered.parquet."""

    table: str
    night: dt.date
    name: str
    sha256: str
    contract: str
    reader: str | None
    compared_with: str = ""
    departures_confirmed: bool = False
    status: str = "accepted"
    reason: str | None = None
    rows_delivered: int | None = None
    rows_rejected: int | None = None
    is_pruned: bool = False

    @property
    def delivery_id(self) -> uuid.UUID:
        """The same for the same content under the same contract, whenever it arrives and whatever reads it.

        Not for accepted and refused: a part may stand, and be refused in a later delivery with a broken one.
        """
        identity = (self.table, self.night.isoformat(), self.name, self.sha256, self.contract)
        if self.status == "refused":
            identity += (self.status,)
        return uuid.UUID(hashlib.sha256("|".join(identity).encode()).hexdigest()[:32])

    def row(self) -> tuple[object, ...]:
        """The values in the order of DELIVERED_COLUMNS, of rows that are all there."""
        return (
            self.delivery_id, self.table, self.night, self.name, self.status, self.reason,
            self.rows_delivered, self.rows_rejected, self.sha256, self.contract, self.reader,
            self.compared_with, self.departures_confirmed, None, None, None,
        )  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What ingestion did with one table's night."""

    night: Night
    action: str  # known | accepted | refused
    parts: tuple[Part, ...]

    @property
    def rows(self) -> int:
        """Rows delivered, as far as they could be read."""
        return sum(part.rows_delivered or 0 for part in self.parts)

    @property
    def rejected(self) -> int:
        """Rows rejected."""
        return sum(part.rows_rejected or 0 for part in self.parts)


def recover(settings: Settings, tables: dict[str, Table]) -> None:
    """Undo or finish what a broken-off run left half done, and give every table its empty Parquet.

    Raises:
        ErasureKeyError: pseudonyms are in force, and the key is not theirs.
        OSError: a directory cannot be written.
    """
    replaced = settings.incoming_dir / "replaced"
    for folder in replaced.glob("*/*") if replaced.exists() else []:
        standing = settings.raw_dir / folder.parent.name / folder.name
        if not standing.exists():
            move(folder, standing)
    finish(settings)
    shutil.rmtree(settings.incoming_dir, ignore_errors=True)
    with duckdb.connect() as connection:
        load(connection, settings)
        key = connection.sql("select pseudonym from erased where reason = 'key'").fetchone()
        for table in tables.values():
            shapes = (
                ("rows", _row_columns(table)),
                ("delivered", DELIVERED_COLUMNS),
                ("rejected", REJECTED_COLUMNS),
            )
            folder = settings.raw_dir / table.name / "empty"
            stamp = folder / hashlib.sha256(repr((shapes, key)).encode()).hexdigest()[:16]
            if stamp.exists():
                continue
            if table.holds_acts:
                _order_ties_again(connection, settings, table)
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for name, columns in shapes:
                _create(connection, "empty", columns)
                _copy(connection, "from empty", folder / f"{name}.parquet")
            sync_whole(folder)  # the stamp must not reach the disk before what it vouches for
            stamp.touch()


def _order_ties_again(connection: duckdb.DuckDBPyConnection, settings: Settings, table: Table) -> None:
    """Nights that stand from before there was a tie_order, or from under another key, get theirs."""
    draft = settings.incoming_dir / "rows.parquet"
    others = "columns(lambda name: name <> 'tie_order')"
    ties = f"select {others}, erased_as({quoted(table.key[0])}) as tie_order"
    for rows in (settings.raw_dir / table.name).glob("[0-9]*/rows.parquet"):
        draft.parent.mkdir(parents=True, exist_ok=True)
        _configure(connection, settings)  # a night may be larger than memory
        _copy(connection, f"{ties} from read_parquet({files(rows)})", draft)
        move_for_good(draft, rows)


def known_parts(settings: Settings) -> dict[tuple[str, dt.date], tuple[Part, ...]]:
    """The accepted parts standing in raw, by table and night."""
    return _accepted([pattern(settings.raw_dir, "*/*/delivered.parquet")])


def left_behind(settings: Settings, tables: dict[str, Table]) -> dict[str, list[str]]:
    """The nights, by table, that were read under another contract or by another reader and cannot be again.

    They are gone from the exports, or a delivery that was refused is there in their place. They stay as they
    are; a fresh warehouse would not have them at all.
    """
    gone = [
        pattern(folder / "delivered.parquet")
        for name in tables
        for folder in sorted((settings.raw_dir / name).glob("????-??-??"))
        if folder.with_suffix(".refused").exists()
        or not is_delivered(settings.exports_dir, name, dt.date.fromisoformat(folder.name))
    ]
    found: dict[str, list[str]] = {}
    for (name, night), parts in _accepted(gone).items() if gone else ():
        if any((part.contract, part.reader) != (tables[name].fingerprint, READER) for part in parts):
            found.setdefault(name, []).append(night.isoformat())
    return found


def _accepted(delivered: list[str]) -> dict[tuple[str, dt.date], tuple[Part, ...]]:
    """The accepted parts that files of deliveries tell of, by table and night, in order."""
    account = f"read_parquet([{', '.join(delivered)}], union_by_name = true, hive_partitioning = false)"
    accepted: dict[tuple[str, dt.date], tuple[Part, ...]] = {}
    with duckdb.connect() as connection:
        _create(connection, "account", DELIVERED_COLUMNS)  # it gives older files the columns they lack
        rows = connection.execute(
            f"""
            select
                table_name, night, part, sha256, contract, reader, compared_with, departures_confirmed,
                status, reason, rows_delivered, rows_rejected, rows_accepted is not null as is_pruned
            from (from account union all by name from {account})
            where status = 'accepted'
            order by table_name, night, part
            """
        ).fetchall()
    for row in rows:
        part = Part(*row)
        accepted[part.table, part.night] = (*accepted.get((part.table, part.night), ()), part)
    return accepted


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
    known = known_parts(settings)
    with duckdb.connect() as connection:
        _configure(connection, settings)
        load(connection, settings)
        if erased_file:
            connection.execute(
                f"create or replace temp table erased as from read_parquet({files(erased_file)})"
            )
        for night in nights:
            table = tables[night.table]
            try:
                outcome = _ingest_night(
                    connection, settings, table, night, known,
                    read_again=night.date in again,
                    departures_confirmed=night.date in confirmed_departures,
                )  # fmt: skip
            except (OSError, duckdb.OutOfMemoryException, duckdb.IOException) as error:
                raise NoRoomError(_no_room(settings, night, error)) from None
            if outcome.action == "accepted":
                known[night.table, night.date] = outcome.parts
            elif outcome.action == "refused":
                before = ""
                if _standing_folder(settings, night).exists():
                    before = "; what was delivered before stays"
                elif known.pop((night.table, night.date), None):
                    before = "; it was accepted before, and its rows leave the warehouse"
                log.warning("refused %s %s: %s%s", night.table, night.date, refusal(outcome), before)
            yield outcome


def _no_room(settings: Settings, night: Night, error: OSError | duckdb.Error) -> str:
    kept_out = f"{night.table} {night.date} could not be ingested, and what was published stays"
    if isinstance(error, duckdb.OutOfMemoryException):
        first_line = str(error).splitlines()[0]
        return f"{kept_out}: {first_line}; raise MEMORY_LIMIT ({settings.memory_limit}), then run again"
    where = settings.incoming_dir
    return f"{kept_out}: {error}; make room in {where} or open it to this user, then run again"


def refusal(outcome: Outcome) -> str:
    """Why a night was refused."""
    return next(part.reason for part in outcome.parts if part.reason)


def _ingest_night(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    table: Table,
    night: Night,
    known: dict[tuple[str, dt.date], tuple[Part, ...]],
    *,
    read_again: bool,
    departures_confirmed: bool,
) -> Outcome:
    before = known.get((night.table, night.date), ())
    compared_with = _snapshot_before(table, night.date, known) if table.guard_departures else ()
    content_before = ",".join(part.sha256 for part in compared_with)
    parts = tuple(
        Part(
            table=table.name, night=night.date, name=shown_name(path.name), sha256=checksum(path),
            contract=table.fingerprint, reader=READER, compared_with=content_before,
        )
        for path in night.parts
    )  # fmt: skip
    if not read_again and _identities(parts) == _identities(before):
        _remove(settings, _refused_folder(settings, night))
        return Outcome(night, "known", before)
    stands = _contents(parts) == _contents(before)
    confirmed_before = stands and any(part.departures_confirmed for part in before)
    if departures_confirmed or confirmed_before:
        parts = tuple(replace(part, departures_confirmed=True) for part in parts)
    with _work_folder(settings) as work:
        connection.execute("drop table if exists night_rows; drop table if exists night_rejected")
        _create(connection, "night_rows", _row_columns(table))
        _create(connection, "night_rejected", REJECTED_COLUMNS)
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
            _swap_in(connection, settings, parts, work, _refused_folder(settings, night))
            if stands:
                # Not a new delivery but the standing one, judged anew: by another reader, under another
                # contract, or beside a night that arrived late.
                _remove(settings, _standing_folder(settings, night))
            return Outcome(night, "refused", parts)
        if stands and (read_again or {part.reader for part in before} != {READER}):
            # Other rows of the same delivery: nothing else would tell that the warehouse must be built anew.
            with closed_to_clients(settings.warehouse_file):
                remove(settings.warehouse_file)
        _swap_in(connection, settings, parts, work, _standing_folder(settings, night))
    _remove(settings, _refused_folder(settings, night))
    return Outcome(night, "accepted", parts)


def _identities(parts: tuple[Part, ...]) -> set[tuple[str, ...]]:
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
        read_part(connection, table, part.night, path, part.sha256, work, settings.max_unpacked_bytes)
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
    connection.execute(
        """
        insert into night_rejected by name
        select
            $1::uuid as delivery_id, $2 as table_name, $3::date as night, $4 as part, row_number, column_name,
            reason, value
        from checked
        where problem is not null
        """,
        [part.delivery_id, part.table, part.night, part.name],
    )
    delivered, rejected = connection.execute("select count(*), count(problem) from checked").fetchone()
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
    delivered = sum(part.rows_delivered for part in parts)
    rejected = sum(part.rows_rejected for part in parts)
    if rejected > settings.max_rejected_rows and rejected > settings.max_rejected_share * delivered:
        part, row, column, reason = connection.execute(
            """
            select part, row_number, column_name, reason
            from night_rejected
            order by part, row_number
            limit 1
            """
        ).fetchone()
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
    """A truncated snapshot must not look like a mass departure, nor must one in which members are erased."""
    if not compared_with or parts[0].departures_confirmed:
        return None
    date_before = compared_with[0].night
    key = quoted(table.key[0])
    rows_before = settings.raw_dir / table.name / date_before.isoformat() / "rows.parquet"
    people, departed = connection.execute(
        f"""
        with people as (select distinct {key} as id from read_parquet({files(rows_before)})),
        gone as (select id from people where id not in (select {key} from night_rows)),
        come as (select distinct {key} as id from night_rows where {key} not in (select id from people))
        select
            (select count(*) from people),
            (select count(*) from gone where erased_as(id) not in (select erased_as(id) from come))
        """
    ).fetchone()
    if departed <= settings.max_departed_share * people:
        return None
    return (
        f"{departed} of the {people} {table.name} of {date_before} are missing; if they really left, "
        f"run again with --confirm-departures {night.date}"
    )


def _swap_in(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    parts: tuple[Part, ...],
    work: Path,
    folder: Path,
) -> None:
    """Write what became of a night and put it in its place in one move."""
    prepared = work / "night"
    prepared.mkdir()
    _create(connection, "night_delivered", DELIVERED_COLUMNS)
    connection.executemany(
        f"insert into night_delivered values ({', '.join('?' * len(DELIVERED_COLUMNS))})",
        [part.row() for part in parts],
    )
    if parts[0].status == "accepted":
        _copy(connection, "from night_rows", prepared / "rows.parquet")
    _copy(connection, "from night_rejected", prepared / "rejected.parquet")
    _copy(connection, "from night_delivered", prepared / "delivered.parquet")
    swap_folder(settings, prepared, folder)


def swap_folder(settings: Settings, prepared: Path, folder: Path) -> None:
    """Put a prepared night in its place in raw in one move."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists():
        # Should the run break off between the two moves, recover() puts the old night back.
        aside = settings.incoming_dir / "replaced" / folder.parent.name / folder.name
        aside.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(aside, ignore_errors=True)
        move(folder, aside)
        move_for_good(prepared, folder)
        shutil.rmtree(aside)
    else:
        move_for_good(prepared, folder)


def _remove(settings: Settings, folder: Path) -> None:
    """Take a folder out of raw in one move: half of one would be rows without their account."""
    if folder.exists():
        removed = settings.incoming_dir / "removed"
        removed.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(removed, ignore_errors=True)
        move(folder, removed)
        shutil.rmtree(removed)


def _standing_folder(settings: Settings, night: Night) -> Path:
    return settings.raw_dir / night.table / night.date.isoformat()


def _refused_folder(settings: Settings, night: Night) -> Path:
    return settings.raw_dir / night.table / f"{night.date.isoformat()}.refused"


def _configure(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    connection.execute("set TimeZone = 'UTC'; set preserve_insertion_order = true")
    # One part after another lies at one place: what is kept of the first must not be taken for the next.
    connection.execute("set enable_external_file_cache = false")
    connection.execute(f"set memory_limit = {literal(settings.memory_limit)}")
    connection.execute(f"set temp_directory = {literal(settings.incoming_dir / 'spill')}")


def _create(connection: duckdb.DuckDBPyConnection, name: str, columns: dict[str, str]) -> None:
    described = ", ".join(f"{quoted(column)} {data_type}" for column, data_type in columns.items())
    connection.execute(f"create or replace temp table {name} ({described})")


def _copy(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    connection.execute(f"copy ({query}) to {literal(path)} (format parquet, compression zstd)")


def _row_columns(table: Table) -> dict[str, str]:
    """The columns of rows.parquet: the contract's, then bookkeeping."""
    kept = {c.name: STORED_TYPES.get(c.data_type, c.data_type) for c in table.columns}
    return kept | BOOKKEEPING_COLUMNS
