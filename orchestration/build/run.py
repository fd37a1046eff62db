"""The source `raw.run`, which says what the next build is for."""

import datetime as dt
from pathlib import Path

import duckdb

from orchestration.build.manifest import code_version
from orchestration.database import files, literal, one_row
from orchestration.places import move_for_good
from orchestration.raw.discover import nights_behind
from orchestration.settings import Settings


def run_file(config: Settings) -> Path:
    """The file of the source `raw.run`, in which ingestion writes what the build is for."""
    return config.raw_dir / "run.parquet"


def run_to_build(config: Settings) -> str:
    """The run that the next build is for, as ingestion wrote it down; empty if it never did."""
    if not run_file(config).exists():
        return ""
    with duckdb.connect() as connection:
        (run_id,) = one_row(connection, f"select run_id from read_parquet({files(run_file(config))})")
    return str(run_id)


def write_run(config: Settings, as_of_date: dt.date, run_id: str) -> None:
    """Write down what the next build is for."""
    draft = config.incoming_dir / "run.parquet"
    draft.parent.mkdir(parents=True, exist_ok=True)
    now = dt.datetime.now(dt.UTC)
    behind = nights_behind(as_of_date, config.exports_dir, now)
    with duckdb.connect() as connection:
        connection.execute(
            f"""
            copy (
                select
                    $1::date as as_of_date,
                    $2 as run_id,
                    $3 as code_version,
                    $4::timestamp as built_at,
                    $5::bigint as nights_behind,
                    $6 as engine,
                    md5(string_agg(pseudonym::varchar, ',' order by pseudonym)) as erasure_version
                from read_parquet({files(config.erased_file)})
            )
            to {literal(draft)} (format parquet)
            """,
            [as_of_date, run_id, code_version(), now.replace(tzinfo=None), behind, config.engine],
        )
    move_for_good(draft, run_file(config))
