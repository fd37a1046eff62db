"""What the README shows is what a newcomer sees: its queries give the printed rows on the sample."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.sample import write_sample
from orchestration.settings import PROJECT_DIR

README = (PROJECT_DIR / "README.md").read_text()
QUESTIONS = re.findall(r"```sql\n(.*?)\n```\n```\n(.*?)\n```", README, flags=re.DOTALL)


def warehouse(*arguments: str, **environment: str) -> str:
    command = Path(sys.executable).with_name("warehouse")
    outcome = subprocess.run(  # noqa: S603
        [command, *arguments], capture_output=True, text=True, check=False, env=os.environ | environment
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return outcome.stdout


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The default sample, published."""
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder / "exports")
    directories = {
        "EXPORTS_DIR": str(folder / "exports"),
        "WAREHOUSE_DIR": str(folder / "warehouse"),
        "DAGSTER_HOME": "",
    }
    warehouse("run", **directories)
    return directories


def test_there_are_five_questions() -> None:
    assert len(QUESTIONS) == 5


@pytest.mark.parametrize(("query", "shown"), QUESTIONS)
def test_the_readme_shows_what_its_queries_give(sample: dict[str, str], query: str, shown: str) -> None:
    printed = warehouse("query", query, **sample)
    assert [line.strip() for line in printed.splitlines() if line.strip()] == shown.splitlines()


def test_every_file_the_readme_names_exists() -> None:
    named = re.findall(r"`((?:models|seeds|tests|orchestration|docs|macros)/[\w/.]+)`", README)
    missing = [name for name in named if not (PROJECT_DIR / name).exists()]
    assert len(named) > 3
    assert missing == []
