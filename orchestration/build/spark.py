"""Apache Spark instead of DuckDB: what dbt is told of it, and how its tables come into the working database.

Spark reads `raw/` where it lies and writes each table as Parquet below `building/`. Then DuckDB takes the
tables over. From there on, nothing knows which engine built them.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
from graphlib import TopologicalSorter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb

from orchestration.build.compiled import compile_now
from orchestration.build.lineage import on_tables
from orchestration.build.manifest import export_tables, manifest
from orchestration.build.run import run_file
from orchestration.database import files, quoted, set_up
from orchestration.raw.account import DELIVERED_COLUMNS, REJECTED_COLUMNS
from orchestration.raw.store import row_columns
from orchestration.settings import MEMORY, HinderedError, Settings

EXTRA = ("pyspark", "dbt.adapters.spark")
JAVA = 17
# Laws that look into files, or into the database itself. DuckDB runs them on the tables that it took over.
OF_DUCKDB = "tag:duckdb"
# What Spark takes for a pattern in the name of a directory.
PATTERN = re.compile(r"[][*?{}]")
MIB = {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2}

Node = dict[str, Any]


def require(config: Settings) -> None:
    """Stop if Spark cannot be started here.

    Raises:
        HinderedError: the message says what is missing and how to get it.
    """
    if not all(find_spec(name.partition(".")[0]) and find_spec(name) for name in EXTRA):
        raise HinderedError(
            "Spark is not installed; make run ENGINE=spark installs it, and so does pip install '.[spark]'"
        )
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    if not java:
        raise HinderedError(
            f"Spark needs Java {JAVA} or newer, and there is none here; "
            "install it (Debian: openjdk-17-jre-headless), or say where it is with JAVA_HOME"
        )
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S603
    version = re.search(r'version "(\d+)', said)
    if not version or int(version[1]) < JAVA:
        raise HinderedError(f"Spark needs Java {JAVA} or newer; {java} is {said.partition(chr(10))[0]}")
    if PATTERN.search(str(config.warehouse_dir)):
        raise HinderedError(
            f"Spark takes {config.warehouse_dir} for a pattern; choose a directory without [ ] * ?"
        )


def environment(config: Settings) -> dict[str, str]:
    """What starts Spark where the settings say."""
    options = ["--master", config.spark_master, "--driver-memory", _memory(config.memory_limit)]
    told = {
        "spark.app.name": "warehouse",
        "spark.sql.warehouse.dir": f"file:{config.spark_tables_dir}",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "OFF",  # dbt says what went wrong; Spark would say it in a thousand lines
    }
    if config.spark_master.startswith("local"):
        cores = os.cpu_count() or 1
        told |= {
            # Nobody from outside can reach it.
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
            "spark.local.dir": str(config.building_dir / "spill"),
            "spark.sql.shuffle.partitions": str(4 * cores),
        }
    for name, value in told.items():
        options += ["--conf", f"{name}={value}"]
    return {"PYSPARK_SUBMIT_ARGS": shlex.join([*options, "pyspark-shell"])}


def arguments(config: Settings) -> list[str]:
    """What dbt is told to build on Spark."""
    told = json.dumps({"raw": sources(config)})
    return ["--target", "spark", "--exclude", OF_DUCKDB, "--vars", told]


def sources(config: Settings) -> dict[str, Any]:
    """For each source of the models: where its files lie, their name, and the types of their columns."""
    found = {
        name: _source(config.raw_dir / name, "rows.parquet", row_columns(table))
        for name, table in export_tables().items()
    }
    books = {"delivered": DELIVERED_COLUMNS, "rejected": REJECTED_COLUMNS}
    found |= {name: _source(config.raw_dir, f"{name}.parquet", columns) for name, columns in books.items()}
    of_the_run = {"run": run_file(config), "erased": config.erased_file}
    return found | {name: _source(file, file.name, _columns(name)) for name, file in of_the_run.items()}


def take_over(config: Settings) -> None:
    """Fill the working database with Spark's tables. Each has the types that a build by DuckDB would give it.

    DuckDB makes every relation from the same models, out of sources without a row, then puts in the rows.

    Raises:
        duckdb.Error: a table is missing or does not fit.
        HinderedError: dbt cannot compile the project.
    """
    nodes = _in_order(compile_now("fqn:*"))
    with duckdb.connect(str(config.building_file)) as connection:
        set_up(connection, config.memory_limit, config.building_dir / "spill")
        connection.execute("create schema raw")
        for name, source in sources(config).items():
            columns = ", ".join(f"{quoted(column)} {kind}" for column, kind in source["columns"].items())
            connection.execute(f"create table raw.{name} ({columns})")
        for node in nodes:
            connection.execute(_without_rows(node))
        for node in nodes:
            if node["config"]["materialized"] != "view":
                rows = files(table_dir(config, f"main.{node['name']}"), "*.parquet")
                connection.execute(f"insert into {node['name']} by name from read_parquet({rows})")
        connection.execute("drop schema raw cascade")


def table_dir(config: Settings, relation: str) -> Path:
    """Where Spark wrote a table: the folder of its schema, then its own."""
    schema, _, name = relation.partition(".")
    return config.spark_tables_dir / f"{schema}.db" / name


def join_results(config: Settings) -> None:
    """Add what dbt found on Spark to what it then found on DuckDB: the results are of the whole build."""
    found = json.loads(config.run_results.read_bytes())
    on_spark = json.loads((config.spark_dbt_dir / config.run_results.name).read_bytes())
    found["results"] = on_spark["results"] + found["results"]
    config.run_results.write_text(json.dumps(found))


def _source(path: Path, file: str, columns: dict[str, str]) -> dict[str, Any]:
    return {"path": f"file:{path}", "file": file, "columns": columns}


def _columns(source: str) -> dict[str, str]:
    """The columns of a source as its yml declares them."""
    node = next(node for node in manifest()["sources"].values() if node["name"] == source)
    return {name: column["data_type"] for name, column in node["columns"].items()}


def _in_order(compiled: dict[str, Any]) -> list[Node]:
    """The seeds and models, each after those that it reads."""
    nodes = {
        unique_id: node
        for unique_id, node in compiled["nodes"].items()
        if node["resource_type"] in ("seed", "model")
    }
    reads = {
        unique_id: nodes.keys() & set(node.get("depends_on", {}).get("nodes", []))
        for unique_id, node in nodes.items()
    }
    return [nodes[unique_id] for unique_id in TopologicalSorter(reads).static_order()]


def _without_rows(node: Node) -> str:
    """The SQL by which DuckDB makes a relation as dbt would."""
    name = node["name"]
    if node["resource_type"] == "seed":
        types = node["config"]["column_types"] or dict.fromkeys(node["columns"], "varchar")
        columns = ", ".join(f"{column} {kind}" for column, kind in types.items())
        return f"create table {name} ({columns})"
    sql = on_tables(node["compiled_code"])
    if node["config"]["materialized"] == "view":
        return f"create view {name} as {sql}"
    if node["config"]["contract"]["enforced"]:
        return f"create table {name} ({', '.join(map(_declared, node['columns'].values()))})"
    return f"create table {name} as from ({sql}) limit 0"


def _declared(column: dict[str, Any]) -> str:
    """A column as its contract has it; no contract has another constraint than this."""
    constraint = " not null" if column["constraints"] else ""
    return f"{column['name']} {column['data_type']}{constraint}"


def _memory(limit: str) -> str:
    """A size as Java writes it."""
    size = MEMORY.fullmatch(limit)
    assert size  # noqa: S101  (settings() has looked at it)
    number, unit = re.fullmatch(r"([\d.]+) ?(\w)\w+", limit).groups()  # type: ignore[union-attr]
    return f"{max(512, round(float(number) * MIB[unit.upper()]))}m"
