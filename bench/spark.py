"""`python -m bench.spark FOLDER ROWS …`: both engines build a year of so many engagements from one `raw/`.

Prints two tables in Markdown for each size: what both took, and what Spark read and shuffled for the tables
that shuffle most, as its own event log counts it. Spark runs where SPARK_MASTER says; SPARK_CONF_DIR is set
here.
"""

import os
import shutil
import sys
from pathlib import Path

import duckdb

from bench.measure import GIB, Took
from bench.nights import Year
from orchestration.database import pattern

MILLION = 1_000_000
BY_MODEL = Path(__file__).with_name("shuffled.sql")


def main(folder: Path, sizes: list[int]) -> None:
    """Measure and print."""
    folder.mkdir(parents=True, exist_ok=True)
    for size in sizes:
        events = _keep_events(folder / f"{size}_on_spark")
        year = Year(folder, size, "parquet")
        year.begin()
        on_spark = year.begin_on_spark()
        print("| engagements | DuckDB: dbt, run | memory | Spark: dbt, run | memory | dbt, times |")
        print("|---|---|---|---|---|---|")
        print(
            f"| {size / MILLION:g} M "
            f"| {_said(year.dbt_seconds, year.nights['beginning'])} "
            f"| {_said(on_spark, year.nights['beginning on Spark'])} "
            f"| {on_spark / year.dbt_seconds:.1f} |\n"
        )
        print(
            "| table | read, MB | shuffled, MB | tasks | longest beside median task |\n|---|---|---|---|---|"
        )
        for model, read, shuffled, tasks, skew in _by_model(events):
            print(f"| `{model}` | {read:.1f} | {shuffled:.1f} | {tasks} | {skew:.1f} |", flush=True)


def _said(dbt_seconds: float, took: Took) -> str:
    return f"{dbt_seconds:.0f} s, {took.seconds:.0f} s | {took.peak_bytes / GIB:.1f} GiB"


def _keep_events(folder: Path) -> Path:
    """Let Spark write down what it does below a folder of its own; where that lies."""
    shutil.rmtree(folder, ignore_errors=True)
    events = folder / "events"
    events.mkdir(parents=True)
    settings = {"enabled": "true", "dir": events.as_uri(), "compress": "false", "rolling.enabled": "false"}
    lines = [f"spark.eventLog.{name} {value}\n" for name, value in settings.items()]
    (folder / "spark-defaults.conf").write_text("".join(lines))
    os.environ["SPARK_CONF_DIR"] = str(folder)
    return events


def _by_model(events: Path) -> list[tuple[str, float, float, int, float]]:
    """What `shuffled.sql` says of each table."""
    log = pattern(events, "*")
    with duckdb.connect() as connection:
        return connection.execute(BY_MODEL.read_text().replace("$log", log)).fetchall()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), [int(size) for size in sys.argv[2:]])
