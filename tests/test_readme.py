"""What README and docs show is what a newcomer sees: on the sample, commands and queries print just that."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.cli.console import LOG_WIDTH
from orchestration.sample import write_sample
from orchestration.settings import PROJECT_DIR

README = (PROJECT_DIR / "README.md").read_text()
BLOCK = r"```sql\n(.*?)\n```\n```\n(.*?)\n```"
QUESTIONS = re.findall(BLOCK, README, flags=re.DOTALL)
WHY = (PROJECT_DIR / "docs" / "why-did-my-score-change.md").read_text()
ANSWERS = [
    *((f"query|{query}", shown) for query, shown in re.findall(BLOCK, WHY, flags=re.DOTALL)),
    *re.findall(r"```\n\$ warehouse (explain .*?)\n(.*?)\n```", WHY, flags=re.DOTALL),
]


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


def test_the_page_why_asks_in_both_ways() -> None:
    assert sum(asked.startswith("query|") for asked, _ in ANSWERS) == 6
    assert sum(asked.startswith("explain ") for asked, _ in ANSWERS) == 4


@pytest.mark.parametrize(("asked", "shown"), ANSWERS)
def test_the_page_why_shows_what_is_answered(
    sample: dict[str, str], monkeypatch: pytest.MonkeyPatch, asked: str, shown: str
) -> None:
    printed = io.StringIO()
    monkeypatch.setattr("orchestration.cli.questions.console", Console(file=printed, width=LOG_WIDTH))
    for name, value in sample.items():
        monkeypatch.setenv(name, value)
    arguments = asked.split("|", 1) if asked.startswith("query|") else asked.split()
    outcome = CliRunner().invoke(app, arguments)
    assert outcome.exit_code == 0, outcome.output
    lines = printed.getvalue().splitlines()
    assert [line.strip() for line in lines if line.strip()] == [line.strip() for line in shown.splitlines()]


@pytest.mark.parametrize("page", sorted((PROJECT_DIR / "docs").glob("*.md")), ids=lambda page: page.name)
def test_the_links_of_every_page_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([\w./-]+)\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_file_the_readme_names_exists() -> None:
    named = re.findall(r"`((?:models|seeds|tests|orchestration|docs|macros)/[\w/.]+)`", README)
    missing = [name for name in named if not (PROJECT_DIR / name).exists()]
    assert len(named) > 3
    assert missing == []
