"""Deletes the publications that name somebody who is being erased, with their folders."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from orchestration.database import literal, quoted
from orchestration.places import logs_in, remove_logs, remove_stray_folders
from orchestration.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("warehouse")


def delete_publications(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Delete the archived publications that hold an id being erased, and those that nobody can read."""
    named = connection.sql(
        """
        select old_id from substitution
        where new_id in (select pseudonym from wanted) and new_id not in (select pseudonym from erased)
        """
    ).df()
    if named.empty:
        return
    # Logs hold rows, too, and could hide rows of their file.
    remove_logs(logs_in(settings.publications_dir))
    # This includes the draft of a run that broke off, whose name begins with a dot.
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
    remove_stray_folders(settings)


def _names_any(file: Path, named: "pd.DataFrame") -> bool:
    """Whether any column of ids in a published file holds an id of `named.old_id`.

    Raises:
        duckdb.Error: the file is damaged.
    """
    # A damaged file may break its whole connection, so each file has a connection of its own.
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
