"""Checks the laws on a published file alone, as an outsider can without the warehouse behind it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from orchestration.build.compiled import compiled
from orchestration.build.publication import published_tables
from orchestration.database import set_up
from orchestration.places import attach
from orchestration.settings import Settings

ROWS_SHOWN = 5


@dataclass(frozen=True)
class Law:
    """A law of tests/laws that reads published tables alone, as dbt compiled it."""

    name: str
    sql: str
    database: str
    only_warns: bool


@dataclass(frozen=True)
class Verdict:
    """The result of a law on a file: how many rows break it, and the first of them as text."""

    law: Law
    found: int
    first_rows: str


def published_laws(config: Settings) -> list[Law]:
    """The laws that read only published tables, as they were compiled when the warehouse was built.

    Raises:
        UncompiledError: there is no built warehouse, and the project's laws cannot be compiled.
    """
    return [
        Law(
            name=node["name"],
            sql=node["compiled_code"],
            database=node["database"],
            only_warns=node["config"]["severity"].lower() == "warn",
        )
        for node in compiled(config, _law_nodes, "test_type:singular")
    ]


def verify(file: Path, laws: list[Law], memory_limit: str) -> Iterator[Verdict]:
    """Run laws on a published file. The file is only read.

    Raises:
        duckdb.Error: the file cannot be read, or is no publication.
        LogBesideError: a log beside it would bring somebody else's changes into what is read.
    """
    with duckdb.connect() as connection:
        set_up(connection, memory_limit)
        for database in sorted({law.database for law in laws}):
            attach(connection, file, database)
            connection.execute(f"use {database}")
        # A view or macro in the file must not read any other file.
        connection.execute("set enable_external_access = false")
        for law in laws:
            connection.execute(f"create or replace temp table found as {law.sql}")
            (found,) = connection.execute("select count(*) from found").fetchone()
            rows = connection.sql(f"from found limit {ROWS_SHOWN}").df()
            yield Verdict(law, found, rows.to_string(index=False) if found else "")


def _law_nodes(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    published = published_tables(manifest).keys()
    laws = (
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and not node.get("test_metadata")
    )
    return sorted(
        (node for node in laws if set(node["depends_on"]["nodes"]) <= published),
        key=lambda node: node["name"],
    )
