"""A warehouse of any size: the sample's, built by the nightly job, with many more acts added to staging."""

import json
import os
from pathlib import Path

import duckdb

from bench.measure import warehouse
from bench.one_connection import in_order
from orchestration.build.publication import publish, published_tables
from orchestration.sample import write_sample
from orchestration.settings import Settings, settings

REFILLED_FOLDERS = ("scenes", "recognition")
WORLD = Path(__file__).with_name("world.sql")


def build(folder: Path, acts: int) -> None:
    """Build and publish a warehouse with about that many acts in a new folder."""
    folder.mkdir(parents=True)
    write_sample(folder / "exports")
    warehouse("run", exports=folder / "exports", directory=folder)
    os.environ["WAREHOUSE_DIR"] = str(folder)
    enlarge(settings(), acts)


def enlarge(config: Settings, acts: int) -> None:
    """Put about that many acts into a built warehouse, and publish it.

    The models of scenes and recognition fill their tables anew with the SQL that the nightly job ran.
    """
    manifest = json.loads((config.warehouse_dir / "dbt" / "manifest.json").read_bytes())
    with duckdb.connect(str(config.warehouse_file)) as connection:
        connection.execute(
            "set TimeZone = 'UTC'; set memory_limit = '4GB'; set preserve_insertion_order = false"
        )
        connection.execute("set variable acts = $1", [acts])
        connection.execute(WORLD.read_text())
        for node in in_order(manifest):
            if node["fqn"][1] in REFILLED_FOLDERS and node["config"]["materialized"] == "table":
                name = node["name"]
                connection.execute(f"truncate {name}; insert into {name} by name {node['compiled_code']}")
        connection.execute("checkpoint")
    publish(config, list(published_tables(manifest).values()))
