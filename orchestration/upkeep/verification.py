"""The laws on a published file alone: what an outsider can check without the warehouse behind it."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from orchestration.publication import published_tables
from orchestration.reading import literal
from orchestration.settings import PROJECT_DIR, Settings

ROWS_SHOWN = 5


class UncompiledError(Exception):
    """dbt cannot make SQL of the laws."""


@dataclass(frozen=True)
class Law:
    """A law of tests/laws that reads published tables alone, as dbt compiled it."""

    name: str
    sql: str
    database: str
    only_warns: bool


@dataclass(frozen=True)
class Verdict:
    """How a law stands on a file: the rows it found, the first of them as text."""

    law: Law
    found: int
    first_rows: str


def published_laws(config: Settings) -> list[Law]:
    """The laws that need nothing but published tables, as the warehouse was built under them.

    Raises:
        UncompiledError: there is no built warehouse, and the project's laws cannot be compiled.
    """
    manifest_file = config.warehouse_dir / "dbt" / "manifest.json"
    manifest = json.loads(manifest_file.read_bytes()) if manifest_file.exists() else {"nodes": {}}
    nodes = _law_nodes(manifest)
    # A build of a part of the models leaves the laws it did not reach without SQL.
    if not nodes or not all(node.get("compiled_code") for node in nodes):
        nodes = _law_nodes(_compile())
    return [
        Law(
            name=node["name"],
            sql=node["compiled_code"],
            database=node["database"],
            only_warns=node["config"]["severity"].lower() == "warn",
        )
        for node in nodes
    ]


def verify(file: Path, laws: list[Law]) -> Iterator[Verdict]:
    """Run laws on a published file, which is only read.

    Raises:
        duckdb.Error: the file cannot be read, or is no publication.
    """
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'; set memory_limit = '1GB'")
        for database in sorted({law.database for law in laws}):
            connection.execute(f"attach {literal(file)} as {database} (read_only); use {database}")
        # What the file may bring along must not read any other file.
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


def _compile() -> dict[str, Any]:
    """The manifest with the laws compiled, made away from any warehouse."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        (scratch / "building").mkdir()
        dbt = Path(sys.executable).with_name("dbt")
        outcome = subprocess.run(  # noqa: S603  (our own program, no shell)
            [
                dbt, "compile", "--quiet", "--select", "test_type:singular",
                "--project-dir", PROJECT_DIR, "--profiles-dir", PROJECT_DIR,
                "--target-path", scratch / "target", "--log-path", scratch,
            ],
            capture_output=True, text=True, check=False, env=os.environ | {"WAREHOUSE_DIR": folder},
        )  # fmt: skip
        if outcome.returncode:
            raise UncompiledError(f"the laws cannot be compiled:\n{outcome.stdout}")
        return json.loads((scratch / "target" / "manifest.json").read_bytes())
