"""The golden nights: delivered exports and expected tables, both by hand; the README adds them up."""

import csv
import datetime as dt
import fcntl
import hmac
import json
import os
import shutil
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import libfaketime
import pytest
from conftest import Run, placed, run_job

from orchestration.build.manifest import manifest
from orchestration.build.publication import published_tables
from orchestration.lock import let_go
from orchestration.settings import settings

EXPORTS = Path(__file__).parent / "exports"
# Another world, of one night, that has what the three nights lack.
MARCH = Path(__file__).parent / "march" / "exports"
EXPECTED = Path(__file__).parent / "expected"
WAREHOUSE = Path(sys.executable).with_name("warehouse")
# Fay really left on the third night: as a command is told, and as the job is.
CONFIRM = ("--confirm-departures", "2026-01-03")
CONFIRMED = {"confirm_departures": [CONFIRM[1]]}
# What a shell may hold for other projects of dbt and Dagster. Many of these alone would break a run, or leave
# a night unpublished.
OF_ANOTHER_PROJECT = {
    "DBT_TARGET": "prod", "DBT_PROFILE": "other", "DBT_PROJECT_DIR": "/elsewhere",
    "DBT_PROFILES_DIR": "/elsewhere", "DBT_TARGET_PATH": "/elsewhere", "DBT_LOG_PATH": "/elsewhere",
    "DBT_STATE": "/elsewhere", "DBT_DEFER": "1", "DBT_WARN_ERROR": "1", "DBT_FAIL_FAST": "1",
    "DBT_EMPTY": "1", "DBT_SAMPLE": "3 days", "DBT_FULL_REFRESH": "1", "DBT_LOG_LEVEL": "none",
    "DBT_QUIET": "1", "DBT_WRITE_JSON": "0", "DBT_VERSION_CHECK": "1", "DBT_ENGINE_LOG_LEVEL": "none",
    "DAGSTER_DEFAULT_IO_MANAGER_MODULE": "elsewhere", "DAGSTER_DEFAULT_IO_MANAGER_ATTRIBUTE": "other",
    "DAGSTER_REDACT_USER_CODE_ERRORS": "1",
}  # fmt: skip

# Published tables that are expected whole, with every row there is.
WHOLE = sorted(
    {file.stem for file in EXPECTED.glob("*.csv")}
    & set(published_tables(manifest()).values()) - {"activity_score", "artist_analytics"}
)

Row = dict[str, str | None]

_copied: list[Run] = []


def golden_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The three nights, delivered at once, and what came of them: a copy for all tests of this process.

    They are built once, for all processes: see `undisturbed`.
    """
    if _copied:
        return _copied[0]
    built = undisturbed(tmp_path_factory) / "warehouse"
    copy = shutil.copytree(built, tmp_path_factory.mktemp("golden") / "warehouse")
    _copied.append(Run(True, None, copy / "analytics.duckdb", copy))
    return _copied[0]


def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `exports`, the `warehouse` that one run of them gave, and what it `said`.

    Copy the warehouse before you disturb it.

    The run and the dbt it starts live under a strange time zone and locale, beside settings of another dbt
    project, and their clock is decades ahead: what they publish is the same (see test_clocks.py).
    """

    def make(folder: Path) -> None:
        shutil.copytree(EXPORTS, folder / "exports")
        outcome = warehouse(
            "run", *CONFIRM, "--exports-dir", folder / "exports", "--warehouse-dir", folder / "warehouse",
            TZ="America/St_Johns", LC_ALL="C", **clock_ahead(), **OF_ANOTHER_PROJECT,
        )  # fmt: skip
        # They hold one refused delivery.
        assert outcome.returncode == 4, outcome.stdout + outcome.stderr
        (folder / "said").write_text(outcome.stdout)

    return made_once(tmp_path_factory, "undisturbed", make)


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder made for all workers by whichever asks first; it is made in its place, as files name it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / name
    made = folder.with_name(f"{name}.made")
    with folder.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            made.touch()
    return folder


def environment(**changes: str) -> dict[str, str]:
    """The surroundings of a run: this process's, without its directories."""
    kept = {k: v for k, v in os.environ.items() if k not in ("EXPORTS_DIR", "WAREHOUSE_DIR", "DAGSTER_HOME")}
    return kept | changes


def warehouse(*arguments: str | Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """Call the command as a shell does, in surroundings of a run."""
    return subprocess.run(  # noqa: S603
        [WAREHOUSE, *arguments], capture_output=True, text=True, check=False, env=environment(**changes)
    )


def clock_ahead() -> dict[str, str]:
    """The changes under which a process, all it starts and DuckDB in them find the clock 27 years ahead."""
    _, preloaded = libfaketime.get_reload_information()
    return preloaded | {"FAKETIME": "+10000d"}


def run_nightly(exports_dir: Path, warehouse_dir: Path, **config: Any) -> Run:
    """What the fixture `nightly` does, for fixtures that outlive one test."""
    with pytest.MonkeyPatch.context() as environment:
        run = run_job(environment, exports_dir, warehouse_dir, **config)
        let_go(settings())
        return run


def deliver(exports_dir: Path, night: str, source: Path = EXPORTS, tables: Iterable[str] = ()) -> None:
    """Let one night arrive, of some tables or of all."""
    for folder in sorted(source.glob(f"*/{night}")):
        if not tables or folder.parent.name in tables:
            shutil.copytree(folder, exports_dir / folder.parent.name / night, dirs_exist_ok=True)


def compiled_sql(run: Run) -> dict[str, str]:
    """The SQL of every model and law as that run executed it, by name; it reads the files where they lie."""
    nodes = json.loads((run.warehouse_dir / "dbt" / "manifest.json").read_text())["nodes"].values()
    compiled = {node["name"]: node["compiled_code"] for node in nodes if node.get("compiled_code")}
    return {name: placed(sql, run.warehouse_dir) for name, sql in compiled.items()}


def expected(name: str) -> list[Row]:
    """An expected table; an empty field is null, and `erased ID` the pseudonym of that id."""
    with (EXPECTED / f"{name}.csv").open(newline="") as file:
        return [
            {column: _expected(value) or None for column, value in row.items()}
            for row in csv.DictReader(file)
        ]


def _expected(value: str) -> str:
    return erased(value.removeprefix("erased ")) if value.startswith("erased ") else value


def erased(identifier: str) -> str:
    """The pseudonym of an id under the key of the tests."""
    key = bytes.fromhex(os.environ["ERASURE_KEY"])
    return str(uuid.UUID(hmac.digest(key, identifier.encode(), "sha256").hex()[:32]))


def as_written(value: object) -> str | None:
    """A published value as a person writes it into an expected file."""
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dt.datetime):
        return value.isoformat(" ", "milliseconds").removesuffix(".000")
    return f"{value:g}" if isinstance(value, float) else str(value)


def assert_same_rows(found: Iterable[dict[str, object]], wanted: list[Row]) -> None:
    """The rows found, cut to the columns wanted, are exactly the rows wanted, in any order."""
    columns = list(wanted[0])
    have = Counter(tuple(as_written(row[column]) for column in columns) for row in found)
    want = Counter(tuple(row[column] for column in columns) for row in wanted)
    missing, surplus = list((want - have).elements()), list((have - want).elements())
    assert not missing and not surplus, f"{columns}\nmissing: {missing}\nsurplus: {surplus}"
