"""The database in which dbt builds, and whether an earlier build still stands."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.build.archive import folder_matches, read_publication
from orchestration.build.manifest import sliced_models
from orchestration.build.run import run_file
from orchestration.database import files, literal, one_row, quoted, set_up
from orchestration.lock import WarehouseBusyError
from orchestration.places import closed_to_clients, is_sealed, logs_beside, move, remove, seal, take_place
from orchestration.settings import HinderedError, Settings

PRIVATE = 0o600


@dataclass(frozen=True)
class _Since:
    """What has come since a database was built by the code, the engine and the erasures of now.

    Attributes:
        gone: deliveries that it rests on and that do not stand any more.
        new: deliveries that it does not rest on.
        days_on: how many days later the as-of is.
    """

    gone: int
    new: int
    days_on: int


NOTHING = _Since(gone=0, new=0, days_on=0)


def is_published(config: Settings) -> bool:
    """Whether what is published was built by this code, for this as-of, from exactly these deliveries."""
    stands = _since_built(config.published_file, config) == NOTHING
    return stands and folder_matches(config, read_publication(config.published_file))


def is_built(config: Settings) -> bool:
    """Whether the warehouse was built as a whole, every law holding, and no night was read again since."""
    return _since_built(config.warehouse_file, config) == NOTHING


def start_from(config: Settings) -> None:
    """Leave in building/ what stands of the last completed build, to be added to.

    All of it stands if deliveries have only been added. After a corrected night or an earlier as-of, the
    sliced tables are left: which of their slices stand, the models find out. Nothing stands for Spark, under
    other code, and after an erasure; nor after a run that broke off, because the database is away from its
    place while it is being built, nor after somebody else wrote to it.

    Raises:
        WarehouseBusyError: a client has the database open, or an earlier dbt is still at work.
    """
    _require_nobody_building(config)
    shutil.rmtree(config.building_dir, ignore_errors=True)
    config.building_dir.mkdir(parents=True)
    since = _since_built(config.warehouse_file, config) if config.engine == "duckdb" else None
    with closed_to_clients(config.warehouse_file, readers_too=True):
        if since and since.gone == 0 and since.days_on >= 0:
            move(config.warehouse_file, config.building_file)
            return
        if since:
            _take_slices_along(config)
        remove(config.warehouse_file)


def _take_slices_along(config: Settings) -> None:
    """Copy the sliced tables into a new database; if they cannot be copied, they are made anew."""
    try:
        with duckdb.connect(str(config.building_file)) as connection:
            set_up(connection, config.memory_limit)
            connection.execute(f"attach {literal(config.warehouse_file)} as built (read_only)")
            for name in sliced_models():
                connection.execute(f"create table {quoted(name)} as from built.main.{quoted(name)}")
    except duckdb.Error:
        remove(config.building_file)


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


def _since_built(file: Path, config: Settings) -> _Since | None:
    """What has come since a database was built; None if nothing in it may be built upon."""
    if not file.exists() or logs_beside(file):
        return None
    delivered = files(config.raw_dir, "*/*/delivered.parquet")
    with duckdb.connect() as connection:
        try:
            connection.execute(f"attach {literal(file)} as built (read_only)")
            says = connection.table("built.main.publication").columns
        except duckdb.Error:
            return None  # it cannot be opened, or was built only in part
        if not {"erasure_version", "engine"}.issubset(says):
            return None  # an older version built it, which did not record erasures, or by which engine
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
        return None  # somebody else wrote to the file
    return _Since(gone, new, days_on) if same_making else None


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
