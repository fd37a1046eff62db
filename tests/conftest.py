"""What every test may use: exports written by hand, the nightly job, the published tables."""

import datetime as dt
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--long`: the proofs of tests/proof as `make prove` runs them."""
    parser.addoption("--long", action="store_true", help="run the proofs in their long form")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`@pytest.mark.seeds(few, many)`: one test per world, in the short or the long form."""
    for marker in metafunc.definition.iter_markers("seeds"):
        few, many = marker.args
        metafunc.parametrize("seed", range(many if metafunc.config.getoption("--long") else few))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is marked `long`, or takes no value in the short form, belongs to the long one alone."""
    if not config.getoption("--long"):
        items[:] = [
            item
            for item in items
            if not item.get_closest_marker("long") and all(m.args[0] for m in item.iter_markers("seeds"))
        ]


@pytest.fixture
def long(request: pytest.FixtureRequest) -> bool:
    """Whether the proofs run in their long form."""
    return request.config.getoption("--long")


@pytest.fixture
def tried(record_property: Callable[[str, object], None]) -> Callable[[str, str, int], None]:
    """Says what was tried and how often: a line of the table that `make prove` prints."""

    def say(promise: str, what: str, times: int) -> None:
        record_property("tried", (promise, what, times))

    return say


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The table of what was tried and what failed, after the proofs in their long form."""
    if not terminalreporter.config.getoption("--long"):
        return
    times: Counter[tuple[str, str]] = Counter()
    failed: Counter[tuple[str, str]] = Counter()
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            said = [value for name, value in report.user_properties if name == "tried"]
            if not said and (outcome != "passed" or report.when == "call"):
                said = [("tests with one form, long or short", report.nodeid.split("::")[0], 1)]
            for promise, what, count in said:
                times[promise, what] += count
                failed[promise, what] += outcome != "passed"
    terminalreporter.section("what was tried, and what failed")
    terminalreporter.write_line("| promise | what was tried | times | failed |")
    for promise, what in sorted(times):
        count = f"{times[promise, what]:,}"
        terminalreporter.write_line(f"| {promise} | {what} | {count} | {failed[promise, what]} |")


@dataclass
class Run:
    """What one call of the nightly job did."""

    success: bool
    result: dg.JobExecutionResult
    published_file: Path
    warehouse_dir: Path

    def table(self, name: str, order: str = "all") -> list[dict[str, Any]]:
        """The rows of a published table as dictionaries, in a stable order."""
        with duckdb.connect(str(self.published_file), read_only=True) as connection:
            result = connection.sql(f"from {name} order by {order}")
            columns = result.columns
            return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query on the published file."""
        with duckdb.connect(str(self.published_file), read_only=True) as connection:
            return connection.sql(query).fetchall()

    @property
    def message(self) -> str:
        """What the failed step said."""
        failed = next(event for event in self.result.all_events if event.is_step_failure)
        data = failed.step_failure_data
        return data.user_failure_data.description if data.user_failure_data else data.error.to_string()


def run_job(
    environment: pytest.MonkeyPatch,
    exports_dir: Path,
    warehouse_dir: Path,
    instance: dg.DagsterInstance | None = None,
    **config: Any,
) -> Run:
    """Run the real nightly job in this process, which holds the warehouse from then on.

    Without an instance, Dagster forgets the run.
    """
    environment.setenv("EXPORTS_DIR", str(exports_dir))
    environment.setenv("WAREHOUSE_DIR", str(warehouse_dir))
    from orchestration.assets.records import execute
    from orchestration.definitions import all_definitions
    from orchestration.settings import settings

    run_config = {
        "ops": {"ingest": {"config": config}},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }
    job = all_definitions().resolve_job_def("nightly")
    with nullcontext(instance) if instance else dg.DagsterInstance.ephemeral() as kept:
        result = execute(job, kept, run_config)
    return Run(result.success, result, settings().published_file, warehouse_dir)


@pytest.fixture
def nightly(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Run]]:
    """Runs the real nightly job in this process; keyword arguments are the configuration of ingestion."""
    from orchestration.lock import let_go
    from orchestration.settings import settings

    held = []

    def run(exports_dir: Path, warehouse_dir: Path, **config: Any) -> Run:
        done = run_job(monkeypatch, exports_dir, warehouse_dir, **config)
        held.append(settings())
        return done

    yield run
    for directories in held:
        let_go(directories)


def placed(sql: str, warehouse_dir: Path) -> str:
    """Compiled SQL that reads the files of a warehouse from anywhere, as dbt does from within it."""
    return sql.replace("'./raw/", f"'{warehouse_dir}/raw/")


def uid(kind: int, number: int) -> str:
    """Make a readable id: kind 2, number 7 is 00000002-0000-4000-8000-000000000007."""
    return f"{kind:08d}-0000-4000-8000-{number:012d}"


def write_part(
    exports_dir: Path, table: str, night: dt.date | str, content: str | bytes, name: str = "part-0000.csv"
) -> Path:
    """Put one part where the exports contract wants it."""
    folder = exports_dir / table / str(night)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def write_rows(
    exports_dir: Path,
    table: str,
    night: dt.date | str,
    rows: list[dict[str, Any]],
    name: str = "part-0000.csv",
) -> Path:
    """Write rows as CSV the way PostgreSQL does: null is empty, the empty string quoted, booleans t and f."""

    def field(value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, bool):
            return "t" if value else "f"
        text = str(value)
        quoted = text == "" or any(mark in text for mark in ',"\n\r')
        return '"' + text.replace('"', '""') + '"' if quoted else text

    lines = [",".join(rows[0])] + [",".join(field(value) for value in row.values()) for row in rows]
    return write_part(exports_dir, table, night, "\n".join(lines) + "\n", name)


def publish_until(published_file: Path, day: str) -> None:
    """A published file that holds nothing but what it says of itself."""
    with duckdb.connect(str(published_file)) as connection:
        connection.execute(
            f"""
            create or replace table publication as
            select
                date '{day}' as as_of_date, timestamp '{day} 23:59:59' as as_of, 'a run' as run_id,
                timestamp '{day} 23:59:59' as built_at, null::varchar as nights_missing
            """
        )


@pytest.fixture(scope="session", autouse=True)
def _quiet_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing a test does reaches the project's own data directory, and nothing waits for the disk.

    Only the power could show whether a file has reached the disk, and it is never cut: what is to be written
    through, and when, is what test_power_cut.py looks at.
    """
    home = tmp_path_factory.mktemp("home")
    os.environ.setdefault("WAREHOUSE_DIR", str(home / "warehouse"))
    os.environ.setdefault("EXPORTS_DIR", str(home / "exports"))
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ["DO_NOT_TRACK"] = "1"
    # One key for all warehouses of the tests, so that what is erased in them can be compared.
    os.environ["ERASURE_KEY"] = "5e" * 32
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _descriptor: None)
        yield


@pytest.fixture(scope="session")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The golden nights, published; a copy for all tests of this process, who leave it as it is."""
    from golden.world import golden_run  # which asks this file what a run is

    return golden_run(tmp_path_factory)


@pytest.fixture
def copied(golden: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of their warehouse, which the commands mean."""
    shutil.copytree(golden.warehouse_dir, tmp_path / "warehouse")
    monkeypatch.setenv("WAREHOUSE_DIR", str(tmp_path / "warehouse"))
    monkeypatch.setenv("DAGSTER_HOME", "")
    return tmp_path / "warehouse"
