"""Freeing space: deletes what no build will read again.

Old publications go. So do rows of snapshot tables without history, because builds read only their latest
night; the account of the older nights is written down and stays. All other rows in raw are needed to build
the warehouse anew, and stay.
"""

import datetime as dt
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from orchestration.build.archive import archived, read_publication
from orchestration.build.manifest import export_tables, manifest
from orchestration.database import files, literal, one_row
from orchestration.places import attach, remove
from orchestration.raw.account import DELIVERED_COLUMNS
from orchestration.raw.contract import Table
from orchestration.raw.store import recover, swap_folder
from orchestration.settings import Settings

ACCOUNT = ("rows_accepted", "rows_duplicate", "rows_superseded")


@dataclass(frozen=True)
class Prunable:
    """What may be deleted: publications, and the rows of nights in raw that no build reads."""

    publications: list[Path]
    nights: list[Path]


def prunable(config: Settings, keep_days: int) -> Prunable:
    """What may go because it is more than so many days older than the published as-of.

    The current publication, the last one built and the latest night of a table never go.

    Raises:
        duckdb.Error: nothing is published, or a publication cannot be read.
    """
    published = read_publication(config.published_file)
    before = published.as_of_date - dt.timedelta(days=keep_days)
    kept = archived(config)
    return Prunable(
        publications=[p.file for p in kept[:-1] if p.as_of_date < before and p.run_id != published.run_id],
        nights=_nights(config, before),
    )


def prune(config: Settings, what: Prunable) -> None:
    """Delete what may go. The caller holds the warehouse.

    If it breaks off, whatever is left is whole. Prune again, and it goes on.
    """
    for file in what.publications:
        remove(file)
    recover(config, export_tables())
    with duckdb.connect() as connection:
        attach(connection, config.published_file, "published")
        for folder in what.nights:
            _keep_the_account_alone(config, connection, folder)


def tables_without_history(manifest: dict[str, Any], tables: dict[str, Table]) -> list[str]:
    """The snapshot tables that only the current rows in staging and the account are made from."""
    readers: dict[str, set[str]] = {name: set() for name in tables}
    for node in manifest["nodes"].values():
        for parent in node["depends_on"]["nodes"] if node["resource_type"] == "model" else []:
            source = manifest["sources"].get(parent)
            if source and source["name"] in readers:
                readers[source["name"]].add(node["name"])
    # A departure shows only against the night before, so the rows of that night must stay.
    return [
        name
        for name, table in tables.items()
        if table.kind == "snapshot"
        and not table.guard_departures
        and readers[name] == {f"stg_{name}", "row_account"}
    ]


def _nights(config: Settings, before: dt.date) -> list[Path]:
    """The folders in raw that still have rows which no build reads any more, by table and night."""
    with duckdb.connect() as connection:
        attach(connection, config.published_file, "published")
        nights = connection.execute(
            """
            with accepted as (
                select distinct table_name, night from published.main.row_account
                where status = 'accepted' and list_contains($1, table_name)
            )
            select table_name, night::varchar from accepted
            where night < $2 and night < (
                select max(latest.night) from accepted as latest where latest.table_name = accepted.table_name
            )
            order by all
            """,
            [tables_without_history(manifest(), export_tables()), before],
        ).fetchall()
        folders = [config.raw_dir / table / night for table, night in nights]
        return [f for f in folders if f.exists() and _is_as_published(connection, f)]


def _is_as_published(connection: duckdb.DuckDBPyConnection, folder: Path) -> bool:
    """Whether the published account belongs to this night, and its rows have not been pruned yet."""
    _load_delivered(connection, folder)
    (differing,) = one_row(
        connection,
        """
        select count(*) from night_delivered as delivered
        left join published.main.row_account as account
            on delivered.delivery_id = account.delivery_id and account.status = 'accepted'
        where account.delivery_id is null or delivered.rows_accepted is not null
        """,
    )
    return bool(differing == 0)


def _keep_the_account_alone(config: Settings, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Replace a night by one without rows that stores their account."""
    prepared = config.incoming_dir / "pruned"
    shutil.rmtree(prepared, ignore_errors=True)
    shutil.copytree(folder, prepared)
    shutil.copyfile(folder.parent / "empty" / "rows.parquet", prepared / "rows.parquet")
    _load_delivered(connection, folder)
    columns = ", ".join(f"{column} = account.{column}" for column in ACCOUNT)
    connection.execute(
        f"""
        update night_delivered set {columns} from published.main.row_account as account
        where night_delivered.delivery_id = account.delivery_id
        """
    )
    connection.execute(f"copy night_delivered to {literal(prepared / 'delivered.parquet')} (format parquet)")
    swap_folder(config, prepared, folder)


def _load_delivered(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    columns = ", ".join(f"{name} {data_type}" for name, data_type in DELIVERED_COLUMNS.items())
    connection.execute(f"create or replace temp table night_delivered ({columns})")
    delivered = files(folder / "delivered.parquet")
    connection.execute(f"insert into night_delivered by name from read_parquet({delivered})")
