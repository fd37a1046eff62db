"""What a command costs before it does anything: the libraries that it loads."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from golden.world import CONFIRM, environment, undisturbed, warehouse

# Each takes from a tenth of a second to three seconds to load.
SLOW = {"alembic", "altair", "dagster", "dagster_dbt", "dbt", "pandas", "sqlalchemy", "sqlglot"}


def loaded(
    *words: str | Path, warehouse_dir: Path, exports_dir: Path | str = "", ends: int = 0
) -> tuple[set[str], str]:
    """The libraries that a command loads, and what it prints."""
    outcome = subprocess.run(  # noqa: S603
        [sys.executable, "-X", "importtime", "-m", "orchestration.cli", *words],
        capture_output=True, text=True, check=False,
        env=environment(WAREHOUSE_DIR=str(warehouse_dir), EXPORTS_DIR=str(exports_dir)),
    )  # fmt: skip
    assert outcome.returncode == ends, outcome.stdout
    modules = [line.rpartition("|")[2].strip() for line in outcome.stderr.splitlines()]
    return {module.partition(".")[0] for module in modules}, outcome.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("query", "select 1"),
        ("status",),
        ("status", "--json"),
    ],
    ids=" ".join,
)
def test_a_question_loads_no_library_that_takes_long(copied: Path, words: tuple[str, ...]) -> None:
    libraries, said = loaded(*words, warehouse_dir=copied)
    assert said
    assert {"typer", "rich"} <= libraries
    assert libraries & SLOW == set()


def test_a_command_that_needs_such_a_library_is_seen_to_load_it(copied: Path) -> None:
    libraries, _ = loaded("prune", "--keep-days", "1", "--dry-run", warehouse_dir=copied)
    assert {"dagster", "sqlalchemy"} <= libraries & SLOW


def runs_of(warehouse_dir: Path) -> int:
    """How many runs Dagster knows of."""
    import dagster as dg

    with dg.DagsterInstance.from_config(str(warehouse_dir / "dagster")) as instance:
        return len(instance.get_runs())


def test_a_command_that_finds_nothing_new_says_the_same_without_dagster(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """The golden nights hold one refused delivery, and are late."""
    built = undisturbed(tmp_path_factory)
    place, exports = tmp_path / "warehouse", tmp_path / "exports"
    shutil.copytree(built / "warehouse", place)
    shutil.copytree(built / "exports", exports)
    time.sleep(2.1)  # of what is copied just now, another change might not show
    words = ("run", "--exports-dir", exports, "--warehouse-dir", place)
    # Where all came from elsewhere, the usual way finds that nothing is new.
    usual = warehouse(*words, *CONFIRM)
    assert (usual.returncode, "nothing new" in usual.stdout) == (4, True), usual.stdout + usual.stderr
    assert "Preparing the models" in usual.stdout
    known, stood = runs_of(place), (place / "analytics.duckdb").read_bytes()
    quick = warehouse(*words)
    assert (quick.returncode, quick.stderr) == (4, ""), quick.stdout + quick.stderr
    assert runs_of(place) == known
    assert (place / "analytics.duckdb").read_bytes() == stood

    def said(outcome: str) -> list[str]:
        """What was said, but for the models, the time, and the refusal that the usual way reads again."""
        lines = [line for line in outcome.splitlines() if not line.startswith("Preparing the models")]
        log, summary = lines[: lines.index("")], lines[lines.index("") :]
        return [line[9:].rstrip() for line in log if " nothing new: " in line] + summary

    assert said(quick.stdout) == said(usual.stdout)
    assert "nights behind what could be here by now" in quick.stdout
    # One law only warns, and found something.
    assert quick.stdout.count("Law holds since run ") == 7
    assert quick.stdout.count("Law found something (a warning), as in run ") == 1

    libraries, _ = loaded(*words[:1], warehouse_dir=place, exports_dir=exports, ends=4)
    assert libraries & SLOW == set()
    status = warehouse("status", "--json", "--warehouse-dir", place)
    last = json.loads(status.stdout)["last run"]
    assert (last["run"], last["status"]) == (None, "SUCCESS")
    assert "(nothing new)" in warehouse("status", "--warehouse-dir", place).stdout

    (exports / "tracks" / "2026-01-09").mkdir()
    assert "Preparing the models" in warehouse(*words).stdout
    assert runs_of(place) == known + 1
    assert "Preparing the models" in warehouse(*words, "--rehash").stdout
    assert runs_of(place) == known + 2
