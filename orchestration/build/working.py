"""The database in which dbt builds, and whether an earlier build still stands."""

import shutil
from pathlib import Path

import duckdb

from orchestration.build.archive import folder_matches, read_publication
from orchestration.build.run import run_file
from orchestration.database import files, literal, one_row, quoted
from orchestration.lock import WarehouseBusyError
from orchestration.places import closed_to_clients, is_sealed, logs_beside, move, remove, seal, take_place
from orchestration.settings import HinderedError, Settings

PRIVATE = 0o600


def is_published(config: Settings) -> bool:
    """Whether what is published was built by this code, for this as-of, from exactly these deliveries."""
    stands = _was_built_from(config.published_file, config, same_deliveries=True)
    return stands and folder_matches(config, read_publication(config.published_file))


def is_built(config: Settings) -> bool:
    """Whether the warehouse was built as a whole, every law holding, and no night was read again since."""
    return _was_built_from(config.warehouse_file, config, same_deliveries=True)


def start_from(config: Settings) -> None:
    """Leave the last completed build in building/ if everything in it still stands, to be added to.

    Spark builds everything anew.

    New deliveries are added to it. A corrected night, other code or an earlier as-of starts anew. So does a
    run after one that broke off, because the database is away from its place while it is being built. So does
    a run after somebody else wrote to the database.

    Raises:
        WarehouseBusyError: a client has the database open, or an earlier dbt is still at work.
    """
    _require_nobody_building(config)
    shutil.rmtree(config.building_dir, ignore_errors=True)
    config.building_dir.mkdir(parents=True)
    stands = config.engine == "duckdb" and _was_built_from(
        config.warehouse_file, config, same_deliveries=False
    )
    with closed_to_clients(config.warehouse_file, readers_too=True):
        if stands:
            move(config.warehouse_file, config.building_file)
        else:
            remove(config.warehouse_file)


def _require_nobody_building(config: Settings) -> None:
    """Stop if the dbt of a killed run is still at work; it goes on for a while, to no purpose.

    Raises:
        WarehouseBusyError: such a dbt is still at work.
    """
    at_work = WarehouseBusyError(
        f"the dbt of a run that broke off is still at work in {config.building_dir}; "
        "run again when it has ended"
    )
    if _is_building_on_spark(config):
        raise at_work
    try:
        with closed_to_clients(config.building_file, readers_too=True, patience=0):
            pass
    except WarehouseBusyError:
        raise at_work from None


def _is_building_on_spark(config: Settings) -> bool:
    """Whether the process that was written down is there, and no other one of that number."""
    try:
        process = Path("/proc", config.spark_process.read_text())
        return (process / "cwd").readlink() == config.warehouse_dir  # dbt is started there
    except OSError:
        return False


def _was_built_from(file: Path, config: Settings, *, same_deliveries: bool) -> bool:
    if not file.exists() or logs_beside(file):
        return False
    delivered = files(config.raw_dir, "*/*/delivered.parquet")
    with duckdb.connect() as connection:
        try:
            connection.execute(f"attach {literal(file)} as built (read_only)")
            says = connection.table("built.main.publication").columns
        except duckdb.Error:
            return False  # it cannot be opened, or was built only in part
        if not {"erasure_version", "engine"}.issubset(says):
            return False  # an older version built it, which did not record erasures, or by which engine
        built_at, gone, new, same_making, days_on = one_row(
            connection,
            f"""
            with run as (from read_parquet({files(run_file(config))})),
            standing as (
                select delivery_id, status
                from read_parquet({delivered}, union_by_name = true)
                where night <= (select as_of_date from run)
            ),
            held as (select delivery_id, status from built.main.row_account)
            select
                publication.built_at,
                (select count(*) from (from held except from standing)),
                (select count(*) from (from standing except from held)),
                publication.code_version = run.code_version
                    and publication.erasure_version = run.erasure_version
                    and publication.engine = run.engine,
                run.as_of_date - publication.as_of_date
            from built.main.publication as publication cross join run
            """,
        )
    if not is_sealed(file, built_at):
        return False  # somebody else wrote to the file
    if same_deliveries:
        return bool(same_making and days_on == 0 and gone == 0 and new == 0)
    return bool(same_making and days_on >= 0 and gone == 0)


def relations(config: Settings) -> dict[str, tuple[int | None, list[tuple[str, str]]]]:
    """The relations in the database that dbt built: count of rows (None for a view) and typed columns."""
    with duckdb.connect(str(config.building_file), read_only=True) as connection:
        columns = connection.execute(
            """
            select table_name, list((column_name, data_type) order by column_index)
            from duckdb_columns() where schema_name = 'main' and not internal
            group by table_name
            """
        ).fetchall()
        tables = connection.execute("select table_name from duckdb_tables() where schema_name = 'main'")
        counted = " union all ".join(
            f"select {literal(name)}, count(*) from {quoted(name)}" for (name,) in tables.fetchall()
        )
        rows = dict(connection.execute(counted).fetchall()) if counted else {}
    return {name: (rows.get(name), typed) for name, typed in columns}


def finish(config: Settings, *, whole: bool) -> None:
    """Put a good build in its place. A build of some models is neither published nor added to.

    Raises:
        HinderedError: the build could not be written to its end, or a client has the database open.
    """
    built = config.building_file
    # DuckDB says nothing if it cannot close a database. The file then differs from what the laws looked at.
    if logs_beside(built):
        raise HinderedError(
            f"The build could not be written to its end in {config.building_dir}; "
            "make room there, then run again."
        )
    with duckdb.connect(str(built), read_only=whole) as connection:
        if whole:
            (built_at,) = one_row(connection, "select built_at from publication")
        else:
            # No law has looked at the old and the new tables together.
            connection.execute("drop table if exists publication")
    built.chmod(PRIVATE)
    if whole:
        seal(built, built_at)
    take_place(built, config.warehouse_file)
    shutil.rmtree(config.building_dir)
