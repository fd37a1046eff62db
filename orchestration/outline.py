"""A warehouse with nothing in it, in which dbt builds every table so that its docs know the types of columns.

`python -m orchestration.outline` lays it out in `target/docs`, whatever warehouse the environment names.
"""

import datetime as dt
import shutil
from dataclasses import replace
from pathlib import Path

import duckdb

from orchestration.ingestion import recover
from orchestration.pseudonyms import write_erased
from orchestration.raw_assets import BOOKS, TABLES
from orchestration.reading import files
from orchestration.settings import Settings, settings
from orchestration.transformation import write_run

SOME_DAY = dt.date(2000, 1, 1)


def lay_out(config: Settings) -> None:
    """Leave raw without a row and, where dbt builds, a table for each source, as dbt makes none of those.

    What lay in the warehouse's directory is deleted.
    """
    shutil.rmtree(config.warehouse_dir, ignore_errors=True)
    config.building_dir.mkdir(parents=True)
    recover(config, TABLES)
    with duckdb.connect(str(config.building_dir / config.warehouse_file.name)) as connection:
        # Nobody is erased: what stands there then is the mark of the key.
        connection.execute("create temp table nobody as select uuid() as pseudonym, 'key' as reason")
        write_erased(connection, "nobody", config.erased_file)
        write_run(config, SOME_DAY, "the docs")
        connection.execute("create schema raw")
        for source in (*TABLES, *BOOKS):
            rows = f"read_parquet({files(_file(config, source))})"
            connection.execute(f"create table raw.{source} as from {rows} limit 0")


def _file(config: Settings, source: str) -> Path:
    """A file of raw that has the columns of a source."""
    if source in TABLES:
        return config.raw_dir / source / "empty" / "rows.parquet"
    of_a_night = config.raw_dir / min(TABLES) / "empty" / f"{source}.parquet"
    return of_a_night if of_a_night.exists() else config.raw_dir / f"{source}.parquet"


if __name__ == "__main__":
    directories = settings()
    lay_out(replace(directories, warehouse_dir=directories.parsed_dir / "docs"))
