"""Who is to be erased, whose ids are given back, and which nights of `raw/` hold them."""

import datetime as dt
from collections.abc import Collection

import duckdb

from orchestration.database import files, one_row, pattern, quoted
from orchestration.raw.contract import Table
from orchestration.raw.pseudonyms import ids_in
from orchestration.settings import Settings

Key = tuple[str, dt.date]


def is_known(connection: duckdb.DuckDBPyConnection, settings: Settings, members: Table, user_id: str) -> bool:
    """Whether raw holds a member, under their id or erased; the connection has loaded the pseudonyms."""
    return bool(
        one_row(
            connection,
            f"""
        select $1::uuid in (select id from {standing_rows(settings, members)})
            or pseudonym($1::uuid) in (select pseudonym from erased)
        """,
            [user_id],
        )[0]
    )


def standing_rows(settings: Settings, table: Table) -> str:
    """The SQL of all rows of a table in raw."""
    rows = files(settings.raw_dir / table.name, "*/rows.parquet")
    return f"read_parquet({rows}, union_by_name = true)"


def standing_night(settings: Settings, table: Table, night: dt.date) -> str:
    """The SQL of the rows of a night; a column that the contract did not have when it was read is null."""
    folder = settings.raw_dir / table.name
    both = ", ".join(pattern(folder / name / "rows.parquet") for name in (night.isoformat(), "empty"))
    return f"read_parquet([{both}], union_by_name = true, hive_partitioning = false)"


def plan_erasure(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    tables: dict[str, Table],
    forget: Collection[str],
) -> None:
    """Make tables of the pseudonyms `wanted`, the `substitution` that leads there, and those `dropped`."""
    (members,) = (table for table in tables.values() if table.is_members)
    delivered = files(settings.raw_dir / members.name, "*/delivered.parquet")
    connection.execute(
        f"""
        create or replace temp table person as
        select id, erased_as(id) as pseudonym, is_current
        from (
            select id, bool_or(night = latest) as is_current
            from {standing_rows(settings, members)}
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
                from {standing_rows(settings, table)}
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


def nights_holding(
    connection: duckdb.DuckDBPyConnection, settings: Settings, tables: dict[str, Table], ids: str
) -> set[Key]:
    """The nights of raw that hold any of the ids."""
    if not one_row(connection, f"select exists ({ids})")[0]:
        return set()
    holding: set[Key] = set()
    for table in tables.values():
        if table.erasable:
            anywhere = ids_in(table, standing_rows(settings, table))
            found = connection.execute(f"select distinct night from ({anywhere}) where id in ({ids})")
            holding |= {(table.name, night) for (night,) in found.fetchall()}
    return holding
