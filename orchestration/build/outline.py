"""An empty warehouse. dbt builds every table in it, so that its docs know the types of the columns.

`python -m orchestration.build.outline` makes it in `target/docs`, never in the warehouse that the environment
names.
"""

import datetime as dt
import shutil
from dataclasses import replace
from pathlib import Path

import duckdb

from orchestration.build.manifest import books, export_tables
from orchestration.build.run import write_run
from orchestration.database import files
from orchestration.raw.pseudonyms import write_erased
from orchestration.raw.store import recover
from orchestration.settings import Settings, settings

SOME_DAY = dt.date(2000, 1, 1)


def lay_out(config: Settings) -> None:
    """Write an empty `raw/`, and a table for each source where dbt builds, because dbt makes no sources.

    Everything that was in the warehouse's directory is deleted.
    """
    shutil.rmtree(config.warehouse_dir, ignore_errors=True)
    config.building_dir.mkdir(parents=True)
    recover(config, export_tables())
    with duckdb.connect(str(config.building_file)) as connection:
        # Nobody is erased, so the file holds only the mark of the key.
        connection.execute("create temp table nobody as select uuid() as pseudonym, 'key' as reason")
        write_erased(connection, "nobody", config.erased_file)
        write_run(config, SOME_DAY, "the docs")
        connection.execute("create schema raw")
        for source in (*export_tables(), *books()):
            rows = f"read_parquet({files(_file(config, source))})"
            connection.execute(f"create table raw.{source} as from {rows} limit 0")


def _file(config: Settings, source: str) -> Path:
    """An empty file of raw with the columns of a source."""
    if source in export_tables():
        return config.raw_dir / source / "empty" / "rows.parquet"
    of_a_night = config.raw_dir / min(export_tables()) / "empty" / f"{source}.parquet"
    return of_a_night if of_a_night.exists() else config.raw_dir / f"{source}.parquet"


if __name__ == "__main__":
    directories = settings()
    lay_out(replace(directories, warehouse_dir=directories.parsed_dir / "docs"))
