"""The golden nights: delivered exports and expected tables, both by hand; the README adds them up."""

import csv
import datetime as dt
import hmac
import json
import os
import shutil
import uuid
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from conftest import Run

from orchestration.publication import published_tables
from orchestration.transformation import MANIFEST

EXPORTS = Path(__file__).parent / "exports"
EXPECTED = Path(__file__).parent / "expected"
# Fay really left on the third night.
CONFIRMED = {"confirm_departures": ["2026-01-03"]}

# Published tables that are expected whole, with every row there is.
WHOLE = sorted(
    {file.stem for file in EXPECTED.glob("*.csv")}
    & set(published_tables(MANIFEST).values()) - {"activity_score"}
)

Row = dict[str, str | None]

_built: list[Run] = []


def golden_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The three nights, delivered at once and built once for all tests of this process."""
    if not _built:
        _built.append(run_nightly(EXPORTS, tmp_path_factory.mktemp("golden") / "warehouse", **CONFIRMED))
    (run,) = _built
    assert run.success, run.message
    return run


def run_nightly(exports_dir: Path, warehouse_dir: Path, **config: Any) -> Run:
    """What the fixture `nightly` does, for fixtures that outlive one test."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("EXPORTS_DIR", str(exports_dir))
        environment.setenv("WAREHOUSE_DIR", str(warehouse_dir))
        from orchestration.definitions import defs
        from orchestration.lock import let_go
        from orchestration.settings import settings

        directories = settings()
        result = defs.resolve_job_def("nightly").execute_in_process(
            run_config={
                "ops": {"ingest": {"config": config}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
            raise_on_error=False,
        )
        let_go(directories)
        return Run(result.success, result, directories.published_file, warehouse_dir)


def deliver(exports_dir: Path, night: str, source: Path = EXPORTS, tables: Iterable[str] = ()) -> None:
    """Let one night arrive, of some tables or of all."""
    for folder in sorted(source.glob(f"*/{night}")):
        if not tables or folder.parent.name in tables:
            shutil.copytree(folder, exports_dir / folder.parent.name / night, dirs_exist_ok=True)


def compiled_sql(run: Run) -> dict[str, str]:
    """The SQL of every model and law as that run executed it, by name."""
    nodes = json.loads((run.warehouse_dir / "dbt" / "manifest.json").read_text())["nodes"].values()
    return {node["name"]: node["compiled_code"] for node in nodes if node.get("compiled_code")}


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
