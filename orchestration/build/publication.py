"""Writes the published file from the warehouse: exactly the public tables, put in place in one step."""

import datetime as dt
import logging
import shutil
from pathlib import Path
from typing import Any

import duckdb

from orchestration.build import product
from orchestration.build.manifest import manifest
from orchestration.database import literal, one_row, quoted, set_up
from orchestration.places import (
    attach,
    logs_in,
    read,
    remove,
    remove_logs,
    remove_stray_folders,
    seal,
    take_place,
)
from orchestration.settings import HinderedError, Settings

log = logging.getLogger("warehouse")
READ_ONLY = 0o440
Contents = dict[str, tuple[object, ...]]


class NotAsWrittenError(HinderedError):
    """The new file was written, but a reader finds something else in its place."""


def published_tables(manifest: dict[str, Any]) -> dict[str, str]:
    """The relations to publish, by unique id: everything tagged `published`."""
    return {
        unique_id: node["name"]
        for unique_id, node in sorted(manifest["nodes"].items())
        if "published" in node["tags"] and node["resource_type"] in ("model", "seed")
    }


def keys(manifest: dict[str, Any]) -> dict[str, list[str]]:
    """For each relation, the columns that tell its rows apart: those that its test of uniqueness names."""
    found = {}
    for node in manifest["nodes"].values():
        test = node.get("test_metadata") or {}
        if test.get("name") in ("unique", "unique_together") and node["attached_node"]:
            said = test["kwargs"]
            relation = manifest["nodes"][node["attached_node"]]["name"]
            found[relation] = said.get("columns") or [said["column_name"]]
    return found


def publish(config: Settings, tables: list[str]) -> Path:
    """Write a new publication from the warehouse and put it in the place of the last one.

    Readers never see a half-written file: it is written and synced beside the old one, then renamed over it.
    A connection opened before keeps the old one. The folder of the product's tables is written before, too.

    Returns:
        The archived copy, `publications/<as_of>-<run>.duckdb`.

    Raises:
        duckdb.Error, OSError, HinderedError: nothing was published; readers still find the old file.
        NotAsWrittenError: the new file is in place, and a reader finds something else in it.
    """
    config.publications_dir.mkdir(parents=True, exist_ok=True)
    draft = config.publications_dir / ".draft.duckdb"
    remove(draft)
    spill = draft.with_name(".draft.spill")
    shutil.rmtree(spill, ignore_errors=True)
    with duckdb.connect(str(draft)) as connection:
        set_up(connection, config.memory_limit, spill)
        attach(connection, config.warehouse_file, "warehouse")
        views = _views(connection, tables)
        for table in sorted(set(tables) - views.keys()):
            _copy_table(connection, table)
        for view, ddl in views.items():
            connection.execute(ddl.replace("warehouse.", "").replace('"warehouse".', ""))
            _describe(connection, "view", view)
        as_of_date, run_id, built_at = one_row(
            connection, "select as_of_date, run_id, built_at from publication"
        )
        connection.execute("detach warehouse; checkpoint")
    written = contents(draft)
    draft.chmod(READ_ONLY)
    seal(draft, built_at)
    archived = config.publications_dir / f"{as_of_date}-{run_id}.duckdb"
    take_place(draft, archived)
    product.write_folder(config, archived)
    put_in_place(config, archived, built_at, written)
    _forget_old(config, archived)
    return archived


def put_in_place(config: Settings, archived: Path, built_at: dt.datetime, written: Contents) -> None:
    """Make an archived publication the one that readers find: its file in one step, then its folder in one.

    If it breaks off between the two, `is_published` says so, and the next run publishes anew.

    Args:
        config: the warehouse.
        archived: the file, whose folder is written.
        built_at: when it was built.
        written: the contents it had when nobody else could have written to it.

    Raises:
        WarehouseBusyError: a client has the published file open for writing; it stays as it is.
        NotAsWrittenError: the new file is in place, and a reader finds something else in it.
    """
    beside = config.published_file.with_name(".analytics.duckdb.new")
    beside.unlink(missing_ok=True)
    shutil.copyfile(archived, beside)
    beside.chmod(READ_ONLY)
    seal(beside, built_at)
    take_place(beside, config.published_file)
    product.show(config, archived)
    _require_as_written(config.published_file, written)


def contents(file: Path) -> Contents:
    """What a reader finds: for each table the count and one checksum of its rows, for each view its SQL."""
    with read(file) as connection:
        views = connection.sql("select view_name, sql from duckdb_views() where not internal").fetchall()
        tables = connection.sql("select table_name from duckdb_tables() where not internal").fetchall()
        return {name: (sql,) for name, sql in views} | {
            name: one_row(connection, f"select count(*), sum(hash(rows)) from {quoted(name)} as rows")
            for (name,) in tables
        }


def _require_as_written(published_file: Path, written: Contents) -> None:
    """Check that a reader finds what was published."""
    if differing := {name for name, _ in written.items() ^ contents(published_file).items()}:
        raise NotAsWrittenError(
            f"{published_file} is in place, but whoever reads {', '.join(sorted(differing))} there does not "
            "find what was written; somebody else writes to this file: end that program, then run again"
        )


def _copy_table(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """One table with its constraints, rows in the order of their key, and descriptions.

    The rows of a member lie together. So a question about one member reads little of a large table.
    """
    here = "database_name = 'warehouse' and schema_name = 'main' and table_name = $1"
    (ddl,) = one_row(connection, f"select sql from duckdb_tables() where {here}", [table])
    connection.execute(ddl.replace("warehouse.", "", 1))
    member = [column for column in connection.table(table).columns if column == "user_id"]
    order = ", ".join([*member, *keys(manifest()).get(table, [])]) or "all"
    connection.execute(f"insert into {table} from warehouse.main.{table} order by {order}")
    _describe(connection, "table", table)


def _views(connection: duckdb.DuckDBPyConnection, names: list[str]) -> dict[str, str]:
    """The views among the names, with their SQL. They are made after the tables."""
    found = connection.execute(
        """
        select view_name, sql from duckdb_views()
        where database_name = 'warehouse' and schema_name = 'main' and list_contains($1, view_name)
        order by view_name
        """,
        [names],
    ).fetchall()
    return dict(found)


def _describe(connection: duckdb.DuckDBPyConnection, kind: str, name: str) -> None:
    """The descriptions of a relation and its columns, as they are written in its contract."""
    node = next(node for node in manifest()["nodes"].values() if node["name"] == name)
    connection.execute(f"comment on {kind} {name} is {literal(node['description'])}")
    for column in set(connection.table(name).columns).intersection(node["columns"]):
        text = node["columns"][column]["description"]
        connection.execute(f"comment on column {name}.{quoted(column)} is {literal(text)}")


def _forget_old(config: Settings, newest: Path) -> None:
    """Keep only the newest publications, this one even if the clock went back, and their folders; no logs."""
    remove_logs(logs_in(config.publications_dir))
    others = [path for path in config.publications_dir.glob("*.duckdb") if path != newest]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in others[config.publications_kept - 1 :]:
        path.unlink()
    remove_stray_folders(config)
