"""Dagster's records of this project's runs. Its home may also hold the runs of other projects."""

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.in_process import InProcessExecutor
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import Connection, Engine, create_engine

from orchestration.build import last_run
from orchestration.settings import settings

NIGHTLY = "nightly"
FRESHNESS = "freshness"
LOCATION = "orchestration.definitions"
REPOSITORY = "__repository__"  # Dagster's name for the definitions of a module


class _Recorded(InProcessExecutor):
    """Dagster's own executor. It also keeps the record that `warehouse status` reads without Dagster."""

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[Any]:
        """Run the steps; whatever ends them is recorded, unless it ends this process as well."""
        config, run_id = settings(), plan_context.run_id
        last_run.begin(config, run_id)
        ended, failed = dg.DagsterRunStatus.FAILURE, False
        try:
            for event in super().execute(plan_context, execution_plan):
                failed = failed or event.is_step_failure
                yield event
            ended = dg.DagsterRunStatus.FAILURE if failed else dg.DagsterRunStatus.SUCCESS
        except dg.DagsterExecutionInterruptedError:
            ended = dg.DagsterRunStatus.CANCELED
            raise
        finally:
            last_run.end(config, run_id, ended.value)


@dg.executor(name="in_process")
def in_process_and_recorded(_: dg.InitExecutorContext) -> dg.Executor:
    """Runs the steps of the nightly job in one process, and keeps the record of the last run."""
    return _Recorded(RetryMode.ENABLED)


def execute(job: dg.JobDefinition, instance: dg.DagsterInstance, run_config: dict[str, Any]) -> Any:
    """Run a job in this process, as a run of this code location.

    `job.execute_in_process` would make a run without a code location. The UI shows such runs in the list
    of all runs only.
    """
    origin = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(LOCATION), REPOSITORY)
    with _kept_open(instance.event_log_storage):
        run = instance.create_run_for_job(
            job, run_config=run_config, remote_job_origin=origin.get_job_origin(job.name)
        )
        return execute_run(InMemoryJob(job), run, instance)


@contextmanager
def _kept_open(storage: object) -> Iterator[None]:
    """Keep Dagster's SQLite files of events open meanwhile, if it keeps its events there.

    It would open and close one for each of more than a thousand statements. Each time, SQLAlchemy compiles
    the statement anew, and SQLite syncs the whole file.
    """
    if not isinstance(storage, SqliteEventLogStorage):
        yield
        return
    engines: dict[str, Engine] = {}
    open_anew = storage._connect

    @contextmanager
    def connect(shard: str) -> Iterator[Connection]:
        if shard not in engines:
            with open_anew(shard):  # makes the file, if it is not there
                address = storage.conn_string_for_shard(shard)
                engines[shard] = create_engine(address, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS})
        with storage._db_lock, engines[shard].begin() as connection:
            yield connection

    storage.__dict__["_connect"] = connect
    try:
        yield
    finally:
        del storage.__dict__["_connect"]
        for engine in engines.values():
            engine.dispose()


def own_runs(instance: dg.DagsterInstance, **wanted: Any) -> list[dg.RunRecord]:
    """The runs of this project that match a filter of Dagster's, the latest first.

    They are the runs of its jobs, and the runs that somebody launched from its assets in the UI.
    """
    records = instance.get_run_records(dg.RunsFilter(**wanted))
    return [record for record in records if _is_own(record.dagster_run)]


def _is_own(run: dg.DagsterRun) -> bool:
    if run.remote_job_origin:
        return run.remote_job_origin.location_name == LOCATION
    return run.job_name in (NIGHTLY, FRESHNESS)


def runs_before(instance: dg.DagsterInstance, before: dt.datetime, published: str) -> list[str]:
    """Our runs from before an instant, as Dagster remembers them. The last run is never among them.

    The run that built the assets stays, too, because the UI shows the assets from its records.
    """
    earlier = [record for record in own_runs(instance)[1:] if record.create_timestamp < before]
    runs = [record.dagster_run for record in earlier]
    return [run.run_id for run in runs if run.is_finished and run.run_id != published]


def forget(instance: dg.DagsterInstance, run_ids: list[str]) -> None:
    """Delete the records of runs, their events and their logs, and free their space."""
    histories = Path(instance.root_directory) / "history" / "runs"
    for run_id in run_ids:
        instance.compute_log_manager.delete_logs(prefix=[run_id])
        instance.delete_run(run_id)
        # Dagster empties the file of a run's events but leaves the file. Deleted events may stay readable in
        # it.
        for file in histories.glob(f"{run_id}.db*"):
            file.unlink()
    for file in histories.glob("index.db") if run_ids else ():
        with closing(sqlite3.connect(file, timeout=60, isolation_level=None)) as connection:
            # Dagster never deletes these, not even those of a deleted run.
            connection.executemany(
                "delete from asset_check_executions where run_id = ?", [(run_id,) for run_id in run_ids]
            )
            connection.execute("vacuum")
