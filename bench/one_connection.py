"""The SQL of the same models in one connection, without dbt, tests and contracts."""

import json
import time
from collections.abc import Collection
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb

from orchestration.database import literal, quoted


def in_order(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """The seeds, models and tests of a manifest, each after those it reads."""
    nodes = manifest["nodes"]
    graph = {key: node["depends_on"].get("nodes", []) for key, node in nodes.items()}
    return [nodes[key] for key in TopologicalSorter(graph).static_order() if key in nodes]


def in_one_connection(directory: Path, memory_limit: str, wanted: Collection[str] = ()) -> float:
    """Seconds that the compiled SQL of models takes in a new database.

    Args:
        directory: the warehouse that dbt built.
        memory_limit: how much memory DuckDB may use.
        wanted: names of the models, which bring those they read; all if none is named.

    Raises:
        AssertionError: a table differs in its number of rows from what dbt built.
    """
    nodes = in_order(json.loads((directory / "dbt" / "manifest.json").read_bytes()))
    models = [node for node in nodes if node["resource_type"] == "model"]
    if wanted:
        models = _with_what_they_read(models, wanted)
    seeds = [node for node in nodes if node["resource_type"] == "seed"]
    file = directory / "one_connection" / "warehouse.duckdb"
    file.parent.mkdir()
    try:
        with duckdb.connect(str(file)) as connection:
            connection.execute(f"set TimeZone = 'UTC'; set memory_limit = {literal(memory_limit)}")
            connection.execute(f"attach {literal(directory / 'warehouse.duckdb')} as built (read_only)")
            for seed in seeds:
                connection.execute(f"create table {seed['name']} as from built.main.{seed['name']}")
            started = time.monotonic()
            for model in models:
                connection.execute(_statement(model, directory))
            connection.execute("checkpoint")
            took = time.monotonic() - started
            _require_equal(connection, [model["name"] for model in models])
    finally:
        for left in file.parent.glob("*"):
            left.unlink()
        file.parent.rmdir()
    return took


def _with_what_they_read(models: list[dict[str, Any]], wanted: Collection[str]) -> list[dict[str, Any]]:
    needed = {model["unique_id"] for model in models if model["name"] in wanted}
    for model in reversed(models):
        if model["unique_id"] in needed:
            needed |= set(model["depends_on"]["nodes"])
    return [model for model in models if model["unique_id"] in needed]


def _statement(model: dict[str, Any], directory: Path) -> str:
    kind = "view" if model["config"]["materialized"] == "view" else "table"
    code = model["compiled_code"].replace("read_parquet('./raw/", f"read_parquet('{directory}/raw/")
    return f"create {kind} {quoted(model['name'])} as {code}"


def _require_equal(connection: duckdb.DuckDBPyConnection, names: list[str]) -> None:
    counts = ", ".join(
        f"(select count(*) from {quoted(name)}) = (select count(*) from built.main.{quoted(name)})"
        for name in names
    )
    (equal,) = [connection.execute(f"select {counts}").fetchone()]
    differing = [name for name, is_equal in zip(names, equal or (), strict=True) if not is_equal]
    assert not differing, f"other rows than dbt built: {', '.join(differing)}"  # noqa: S101
