"""The golden nights on both engines, under a policy that fades with quarter seasons; what differs then.

The policy stands in a copy of the project, so that the seeds of this one stay as they are.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import duckdb
from checkout import copied_project
from golden.world import CONFIRM, EXPORTS, environment

from orchestration.database import literal
from orchestration.settings import PROJECT_DIR

FADING = "1,30,quarter,1970-01-01,,Half of a point after 30 days; seasons of a quarter.\n"
# Settings of Spark for tables of few rows.
FOR_FEW_ROWS = {"SPARK_CONF_DIR": str(PROJECT_DIR / "tests" / "spark_conf")}
# What the publications of two runs say of themselves.
OF_EACH_RUN = ("run_id", "built_at", "engine")


def fading_project(folder: Path) -> Path:
    """A copy of the project whose score fades."""
    copied_project(folder, "orchestration")
    seed = folder / "seeds" / "score_policy.csv"
    seed.write_text(seed.read_text().splitlines()[0] + "\n" + FADING)
    return folder


def start(
    project: Path,
    warehouse_dir: Path,
    engine: str,
    exports: Path = EXPORTS,
    options: Sequence[str] = CONFIRM,
    **changes: str,
) -> subprocess.Popen[str]:
    """Start the command of a project."""
    told = {"PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": "1", **changes}
    return subprocess.Popen(  # noqa: S603
        [
            sys.executable, "-c", "from orchestration.cli import main; main()",
            "run", "--engine", engine, *options, "--exports-dir", exports, "--warehouse-dir", warehouse_dir,
        ],
        cwd=project, env=environment(**told), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def build(project: Path, warehouse_dir: Path, engine: str, **changes: str) -> str:
    """Let the command run to its end; what it said. The golden nights hold one refused delivery."""
    process = start(project, warehouse_dir, engine, **changes)
    said, _ = process.communicate()
    assert process.returncode == 4, said
    return said


def tables(file: Path) -> set[str]:
    """The relations of a published file, with views."""
    with duckdb.connect(str(file), read_only=True) as connection:
        return {
            name for (name,) in connection.sql("select table_name from information_schema.tables").fetchall()
        }


def differing(ours: Path, theirs: Path) -> dict[str, int]:
    """How many rows of which published relations only one of two publications has, and differing columns."""
    found = dict.fromkeys(tables(ours) ^ tables(theirs), -1)
    with duckdb.connect() as connection:
        connection.execute(f"attach {literal(ours)} as ours (read_only)")
        connection.execute(f"attach {literal(theirs)} as theirs (read_only)")
        for name in sorted(tables(ours) & tables(theirs)):
            found[name] = _rows_apart(connection, f"ours.{name}", f"theirs.{name}")
    return {name: rows for name, rows in found.items() if rows}


def differing_files(ours: Path, theirs: Path) -> dict[str, int]:
    """The same of the product's Parquet in two warehouses."""
    folders = [_product(warehouse_dir) for warehouse_dir in (ours, theirs)]
    names = [{file.name for file in folder.glob("*.parquet")} for folder in folders]
    found = dict.fromkeys(names[0] ^ names[1], -1)
    with duckdb.connect() as connection:
        for name in sorted(names[0] & names[1]):
            left, right = (f"read_parquet({literal(folder / name)})" for folder in folders)
            found[name] = _rows_apart(connection, left, right)
    assert names[0]
    return {name: rows for name, rows in found.items() if rows}


def _product(warehouse_dir: Path) -> Path:
    """The folder of the product's tables that readers find."""
    product = warehouse_dir / "product"
    return product / json.loads((product / "manifest.json").read_bytes())["folder"]


def _rows_apart(connection: duckdb.DuckDBPyConnection, left: str, right: str) -> int:
    """How many rows only one side has; -1 if the columns or their types differ."""
    columns = [connection.sql(f"describe from {side}").fetchall() for side in (left, right)]
    if columns[0] != columns[1]:
        return -1
    compared = ", ".join(f'"{column[0]}"' for column in columns[0] if column[0] not in OF_EACH_RUN)
    sides = [f"(select {compared} from {side})" for side in (left, right)]
    counted = " union all ".join(f"(from {a} except all from {b})" for a, b in (sides, sides[::-1]))
    return connection.sql(f"select count(*) from ({counted})").fetchone()[0]


def is_missing() -> str:
    """What is missing here that Spark needs; empty if nothing is."""
    from orchestration.build.spark import require
    from orchestration.settings import HinderedError, settings

    try:
        require(settings())
    except HinderedError as error:
        return str(error)
    return ""


def stop(process: int) -> None:
    """End one process at once."""
    os.kill(process, 9)
