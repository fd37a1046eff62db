"""`python -m bench.spark FOLDER ROWS …`: both engines build a year of so many engagements from one `raw/`.

Prints a table in Markdown. Spark runs where SPARK_MASTER says.
"""

import sys
from pathlib import Path

from bench.measure import GIB, Took
from bench.nights import Year

MILLION = 1_000_000


def main(folder: Path, sizes: list[int]) -> None:
    """Measure and print."""
    folder.mkdir(parents=True, exist_ok=True)
    print("| engagements | DuckDB: dbt, run | memory | Spark: dbt, run | memory | dbt, times |")
    print("|---|---|---|---|---|---|")
    for size in sizes:
        year = Year(folder, size, "parquet")
        year.begin()
        on_spark = year.begin_on_spark()
        print(
            f"| {size / MILLION:g} M "
            f"| {_said(year.dbt_seconds, year.nights['beginning'])} "
            f"| {_said(on_spark, year.nights['beginning on Spark'])} "
            f"| {on_spark / year.dbt_seconds:.1f} |",
            flush=True,
        )


def _said(dbt_seconds: float, took: Took) -> str:
    return f"{dbt_seconds:.0f} s, {took.seconds:.0f} s | {took.peak_bytes / GIB:.1f} GiB"


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), [int(size) for size in sys.argv[2:]])
