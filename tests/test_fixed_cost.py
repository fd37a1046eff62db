"""What a command costs before it does anything: the libraries that it loads."""

import subprocess
import sys
from pathlib import Path

import pytest
from golden.world import environment

# Each takes from a tenth of a second to three seconds to load.
SLOW = {"alembic", "altair", "dagster", "dagster_dbt", "dbt", "pandas", "sqlalchemy", "sqlglot"}


def loaded(*words: str | Path, warehouse_dir: Path) -> tuple[set[str], str]:
    """The libraries that a command loads, and what it prints."""
    outcome = subprocess.run(  # noqa: S603
        [sys.executable, "-X", "importtime", "-m", "orchestration.cli", *words],
        capture_output=True, text=True, check=True, env=environment(WAREHOUSE_DIR=str(warehouse_dir)),
    )  # fmt: skip
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
