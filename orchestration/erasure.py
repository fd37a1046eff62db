"""Members who left the platform, or asked to be forgotten, are erased from `raw/`.

Departed is who was in an accepted users snapshot and is missing from the latest. Their id, and the ids of
rows that were theirs, become pseudonyms in every night that holds them; should the run break off, in none of
them. Who is in the latest snapshot again is given back their ids: the nights that hold them are read again.
"""

import datetime as dt
import logging
import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from orchestration.exports import Night, Table
from orchestration.places import logs_in, move_for_good, remove_logs, sync, sync_whole
from orchestration.pseudonyms import ids_in, load, substituted, write_erased
from orchestration.reading import files, literal, quoted
from orchestration.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("warehouse")

Key = tuple[str, dt.date]


def settle(
    settings: Settings,
    tables: dict[str, Table],
    nights: Collection[Night],
    read_again: Callable[[list[Night], Path], None],
    forget: Collection[str] = (),
) -> int:
    """Erase whoever left or is to be forgotten, and give back their ids to those who returned.

    Args:
        settings: directories.
        tables: the contract.
        nights: the nights that the exports still hold as they stand.
        read_again: reads nights again with other pseudonyms in force.
        forget: pseudonyms of members to be forgotten, wherever they are delivered.

    Returns:
        How many members were erased now.
    """
    readable = {(night.table, night.date): night for night in nights}
    draft = settings.incoming_dir / "erased.parquet"
    with duckdb.connect() as connection:
        _configure(connection, settings)
        load(connection, settings)
        # A snapshot read again may show who else returned; what cannot be read again twice over never will.
        for may_read in (readable, readable, {}):
            _plan(connection, settings, tables, forget)
            returned = _let_go(connection, settings, tables, may_read)
            if not returned:
                break
            # Only what is in force already: the plan made next takes any other pseudonym for an id.
            write_erased(connection, "(from wanted where pseudonym in (select pseudonym from erased))", draft)
            read_again([readable[key] for key in sorted(returned, key=lambda key: key[::-1])], draft)
        return _carry_out(connection, settings, tables)


def finish(settings: Settings) -> None:
    """Carry out an erasure that was prepared to the end, and drop one that was not."""
    prepared = settings.incoming_dir / "erasure"
    if (prepared / "complete").exists():
        for rows in prepared.glob("*/*.parquet"):
            move_for_good(rows, settings.raw_dir / rows.parent.name / rows.stem / "rows.parquet")
        erased = prepared / settings.erased_file.name
        if erased.exists():
            move_for_good(erased, settings.erased_file)
    shutil.rmtree(prepared, ignore_errors=True)


def is_known(connection: duckdb.DuckDBPyConnection, settings: Settings, members: Table, user_id: str) -> bool:
    """Whether raw holds a member, under their id or erased; the connection has loaded the pseudonyms."""
    return connection.execute(
        f"""
        select $1::uuid in (select id from {_standing(settings, members)})
            or pseudonym($1::uuid) in (select pseudonym from erased)
        """,
        [user_id],
    ).fetchone()[0]


def _configure(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    connection.execute(f"set TimeZone = 'UTC'; set memory_limit = {literal(settings.memory_limit)}")
    connection.execute("set enable_external_file_cache = false")  # nights are replaced meanwhile
    connection.execute(f"set temp_directory = {literal(settings.incoming_dir / 'spill')}")


def _standing(settings: Settings, table: Table) -> str:
    rows = files(settings.raw_dir / table.name, "*/rows.parquet")
    return f"read_parquet({rows}, union_by_name = true)"


def _plan(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    tables: dict[str, Table],
    forget: Collection[str],
) -> None:
    """Say what should be: `wanted` pseudonyms, the `substitution` that leads there, and those `dropped`."""
    (members,) = (table for table in tables.values() if table.is_members)
    delivered = files(settings.raw_dir / members.name, "*/delivered.parquet")
    connection.execute(
        f"""
        create or replace temp table person as
        select id, erased_as(id) as pseudonym, is_current
        from (
            select id, bool_or(night = latest) as is_current
            from {_standing(settings, members)}
            cross join (
                select max(night) as latest
                from read_parquet({delivered}, union_by_name = true)
                where status = 'accepted'
            )
            group by id
        );
        create or replace temp table wanted as
        select pseudonym, reason from erased where reason in ('key', 'forgotten');
        """
    )
    connection.execute(
        "insert into wanted select unnest($1::uuid[]) as asked, 'forgotten' except from wanted",
        [list(forget)],
    )
    connection.execute(
        """
        insert into wanted
        select pseudonym, 'departed' from person
        where pseudonym not in (select pseudonym from wanted)
        group by pseudonym
        having not bool_or(is_current);
        create or replace temp table theirs as
        select id, pseudonym from person where pseudonym in (select pseudonym from wanted);
        create or replace temp table substitution as
        select id as old_id, pseudonym as new_id from theirs where id <> pseudonym;
        insert into theirs select pseudonym, pseudonym from wanted;
        """
    )
    for table in tables.values():
        if table.is_members or not table.owners:
            continue
        belongs = " or ".join(f"{quoted(owner)} in (select id from theirs)" for owner in table.owners)
        connection.execute(
            f"""
            create or replace temp table row_of_theirs as
            select id, erased_as(id) as pseudonym
            from (
                select distinct {quoted(table.key[0])} as id
                from {_standing(settings, table)}
                where {belongs}
            );
            insert into wanted
            select pseudonym, 'row' from row_of_theirs where pseudonym not in (select pseudonym from wanted);
            insert into substitution
            select id, pseudonym from row_of_theirs
            where id <> pseudonym and id not in (select old_id from substitution);
            """
        )
    connection.execute(
        """
        create or replace temp table dropped as
        select pseudonym from erased where pseudonym not in (select pseudonym from wanted)
        """
    )


def _let_go(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    tables: dict[str, Table],
    readable: Collection[Key],
) -> set[Key]:
    """The nights to read again so that dropped pseudonyms are gone from raw.

    In a night that cannot be read again, members get their id back all the same if a snapshot tells whose it
    is; the ids of their rows stay erased, there and wherever else these rows are delivered.
    """
    holding = _nights_holding(connection, settings, tables, "select pseudonym from dropped")
    lost = holding - set(readable)
    if lost:
        connection.execute("create or replace temp table held (pseudonym uuid)")
        for name, date in lost:
            rows = files(settings.raw_dir / name / date.isoformat() / "rows.parquet")
            connection.execute(
                f"""
                insert into held
                select distinct id from ({ids_in(tables[name], f"read_parquet({rows})")})
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
        holding = _nights_holding(connection, settings, tables, "select pseudonym from dropped")
    return holding & set(readable)


def _carry_out(connection: duckdb.DuckDBPyConnection, settings: Settings, tables: dict[str, Table]) -> int:
    """Prepare every night anew, then put all in their places, and the pseudonyms in force with them."""
    everything_is_said = connection.sql(
        "select not exists (from substitution) and not exists (from wanted except from erased)"
        " and not exists (from erased except from wanted)"
    ).fetchone()[0]
    if everything_is_said:
        return 0
    prepared = settings.incoming_dir / "erasure"
    shutil.rmtree(prepared, ignore_errors=True)
    prepared.mkdir(parents=True)
    nights = _nights_holding(connection, settings, tables, "select old_id from substitution")
    for name, date in sorted(nights):
        rows = files(settings.raw_dir / name / date.isoformat() / "rows.parquet")
        (prepared / name).mkdir(exist_ok=True)
        connection.execute(
            f"""
            copy ({substituted(tables[name], f"read_parquet({rows})")})
            to {literal(prepared / name / f"{date.isoformat()}.parquet")} (format parquet, compression zstd)
            """
        )
    _delete_publications(connection, settings)
    write_erased(connection, "wanted", prepared / settings.erased_file.name)
    sync_whole(prepared)  # the mark must not reach the disk before what it vouches for
    (prepared / "complete").touch()
    for folder in (prepared, settings.incoming_dir, settings.warehouse_dir):
        sync(folder)  # nor a night take its place before the mark has
    finish(settings)
    erased, returned = connection.execute(
        """
        select
            (select count(*) from wanted where reason in ('departed', 'forgotten')
                and pseudonym not in (select pseudonym from erased)),
            (select count(*) from erased where reason = 'departed'
                and pseudonym not in (select pseudonym from wanted))
        """
    ).fetchone()
    if erased:
        log.info(
            "%d members erased: they left the platform or asked to be forgotten. Pseudonyms took the place "
            "of their ids, and what they earned stays in every total; see docs/privacy.md",
            erased,
        )
    if returned:
        log.info("%d members are in a users snapshot again and have their ids back", returned)
    return erased


def _nights_holding(
    connection: duckdb.DuckDBPyConnection, settings: Settings, tables: dict[str, Table], ids: str
) -> set[Key]:
    """The nights of raw in which any of the ids stands."""
    if not connection.sql(f"select exists ({ids})").fetchone()[0]:
        return set()
    holding: set[Key] = set()
    for table in tables.values():
        if table.erasable:
            anywhere = ids_in(table, _standing(settings, table))
            found = connection.execute(f"select distinct night from ({anywhere}) where id in ({ids})")
            holding |= {(table.name, night) for (night,) in found.fetchall()}
    return holding


def _delete_publications(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Delete the archived publications that hold an id which is being erased, and what nobody can read."""
    named = connection.sql(
        """
        select old_id from substitution
        where new_id in (select pseudonym from wanted) and new_id not in (select pseudonym from erased)
        """
    ).df()
    if named.empty:
        return
    # Logs hold rows, too, and could hide some of their file.
    remove_logs(logs_in(settings.publications_dir))
    # A draft of a run that broke off is among them: its name begins with a dot.
    for file in sorted(settings.publications_dir.glob("*.duckdb")):
        try:
            reason = "it named somebody who is now erased" if _names_any(file, named) else None
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            reason = f"it cannot be read ({error}), and may name somebody who is now erased"
        if reason:
            file.unlink()
            log.info("deleted the publication %s: %s", file.name, reason)


def _names_any(file: Path, named: "pd.DataFrame") -> bool:
    """Whether an id of `named.old_id` stands in a published file, in whatever column of ids.

    Raises:
        duckdb.Error: the file is damaged.
    """
    # A damaged file may take its whole connection along, so each has one of its own.
    with duckdb.connect() as connection:
        connection.execute(f"attach {literal(file)} as publication_file (read_only)")
        connection.register("named", named)
        columns = connection.execute(
            """
            select table_name, column_name
            from duckdb_columns() inner join duckdb_tables() using (database_name, schema_name, table_name)
            where database_name = 'publication_file' and data_type = 'UUID'
            """
        ).fetchall()
        return any(
            connection.sql(
                f"""
                select 1 from publication_file.main.{quoted(table)}
                where {quoted(column)} in (select old_id from named)
                """
            ).fetchone()
            for table, column in columns
        )
