"""What README and docs show is what a newcomer sees: on the sample, commands and queries print just that."""

import io
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import venv
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from orchestration.build.manifest import code_version
from orchestration.cli import app
from orchestration.cli.console import LOG_WIDTH
from orchestration.settings import PROJECT_DIR

README = (PROJECT_DIR / "README.md").read_text()
BLOCK = r"```sql\n(.*?)\n```\n```\n(.*?)\n```"
QUESTIONS = re.findall(BLOCK, README, flags=re.DOTALL)
# Pages of queries with their results, and how many there are.
ASKED = {"questions.md": 44, "show-it-in-the-app.md": 10}
# What a run prints at its end; "…" stands for what is left out.
SUMMARY = re.search(r"\n```\n(\d+ nights read.*?)\n```\n", README, flags=re.DOTALL).group(1)
WHY = (PROJECT_DIR / "docs" / "why-did-my-score-change.md").read_text()
ANSWERS = [
    *((f"query|{query}", shown) for query, shown in re.findall(BLOCK, WHY, flags=re.DOTALL)),
    *re.findall(r"```\n\$ warehouse (explain .*?)\n(.*?)\n```", WHY, flags=re.DOTALL),
]
FURTHER = [
    (f"query|{query}", shown)
    for page in ASKED
    for query, shown in re.findall(BLOCK, (PROJECT_DIR / "docs" / page).read_text(), flags=re.DOTALL)
]


DIRECTORIES = ("EXPORTS_DIR", "WAREHOUSE_DIR", "DAGSTER_HOME")


@dataclass(frozen=True)
class Installed:
    """The product as a wheel alone, in an environment of its own, used from an empty directory."""

    wheel: Path
    environment: Path
    directory: Path
    said: str = ""

    def warehouse(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """A command, with nothing set that says where things lie."""
        return subprocess.run(  # noqa: S603
            [self.environment / "bin" / "warehouse", *arguments],
            capture_output=True, text=True, check=False, cwd=cwd or self.directory,
            env={name: value for name, value in os.environ.items() if name not in DIRECTORIES},
        )  # fmt: skip

    @property
    def places(self) -> dict[str, str]:
        """Where everything lies when nothing says so."""
        data = self.directory / "data"
        return {"EXPORTS_DIR": str(data / "exports"), "WAREHOUSE_DIR": str(data / "warehouse")}

    def files(self) -> dict[Path, int]:
        """Everything in the environment, and when it was last written."""
        return {path: path.stat().st_mtime_ns for path in self.environment.rglob("*")}


def python(*arguments: object) -> None:
    outcome = subprocess.run(  # noqa: S603
        [sys.executable, "-m", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """A wheel built from the source distribution; it finds the packages that these tests run with."""
    folder = tmp_path_factory.mktemp("installed")
    python("hatchling", "build", "--target", "sdist", "--directory", folder)
    (source,) = folder.glob("*.tar.gz")
    build = ("--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder)
    python("pip", "wheel", *build, source)
    (wheel,) = folder.glob("*.whl")
    environment = folder / "environment"
    venv.create(environment, symlinks=True)
    places = {"base": str(environment), "platbase": str(environment)}
    packages = Path(sysconfig.get_path("purelib", "venv", vars=places))
    (packages / "present.pth").write_text(sysconfig.get_path("purelib"))
    (environment / "bin" / "dbt").symlink_to(Path(sys.executable).with_name("dbt"))
    python("pip", "--python", environment, "install", "--no-deps", "--no-index", wheel)
    (folder / "empty").mkdir()
    return Installed(wheel, environment, folder / "empty")


@pytest.fixture(scope="module")
def sample(installed: Installed) -> Installed:
    """The default sample, published by somebody who has nothing but the wheel."""
    before = installed.files()
    outcome = installed.warehouse("run")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert installed.files() == before, "a run writes into the installation, which may be closed to it"
    return replace(installed, said=outcome.stdout)


def test_what_an_installed_wheel_publishes_is_built_from_the_same(sample: Installed) -> None:
    outcome = sample.warehouse("query", "select code_version from publication")
    assert code_version() in outcome.stdout, outcome.stderr


def test_an_installed_wheel_keeps_its_data_below_the_current_directory(sample: Installed) -> None:
    assert [path.name for path in sample.directory.iterdir()] == ["data"]
    assert {path.name for path in (sample.directory / "data").iterdir()} == {"exports", "warehouse"}


def test_the_wheel_is_the_same_built_from_the_repository(installed: Installed, tmp_path: Path) -> None:
    python("hatchling", "build", "--target", "wheel", "--directory", tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert names == set(zipfile.ZipFile(installed.wheel).namelist())
    folders = {name: f"orchestration/project/{name}" for name in ("models", "macros", "seeds", "tests/laws")}
    expected = {
        f"{place}/{path.relative_to(PROJECT_DIR / folder)}"
        for folder, place in (folders | {"orchestration": "orchestration"}).items()
        for path in (PROJECT_DIR / folder).rglob("*.*")
        if path.parent.name != "__pycache__"
    }
    assert len(expected) > 200
    assert expected - names == set()


def test_an_installed_wheel_works_from_any_directory(sample: Installed, tmp_path: Path) -> None:
    outcome = sample.warehouse("status", "--warehouse-dir", sample.places["WAREHOUSE_DIR"], cwd=tmp_path)
    assert outcome.returncode == 0, outcome.stderr
    assert "last day 2026-01-18" in outcome.stdout
    assert list(tmp_path.iterdir()) == []
    outcome = sample.warehouse("query", "select 1", cwd=tmp_path)
    assert outcome.returncode == 2
    assert outcome.stderr.startswith(f"nothing is published in {tmp_path}/data/warehouse yet")


def test_an_installed_wheel_adopts_no_policy(installed: Installed) -> None:
    before = installed.files()
    outcome = installed.warehouse(
        "adopt", str(PROJECT_DIR / "seeds"), "--from", "2026-02-01", "--version", "2"
    )
    assert outcome.returncode == 2
    assert "adopt in a clone of the repository" in outcome.stderr
    assert installed.files() == before


def test_the_readme_shows_the_summary_of_a_run(sample: Installed) -> None:
    printed = iter(line.strip() for line in sample.said.splitlines())
    shown = [line for line in SUMMARY.splitlines() if line != "…"]
    assert len(shown) > 5
    assert [line for line in shown if line not in printed] == [], "they are printed, and in this order"


def test_the_readme_asks_one_question() -> None:
    assert len(QUESTIONS) == 1


@pytest.mark.parametrize(("query", "shown"), QUESTIONS)
def test_the_readme_shows_what_its_queries_give(sample: Installed, query: str, shown: str) -> None:
    printed = sample.warehouse("query", query).stdout
    assert [line.strip() for line in printed.splitlines() if line.strip()] == shown.splitlines()


def test_the_page_why_asks_in_both_ways() -> None:
    assert sum(asked.startswith("query|") for asked, _ in ANSWERS) == 6
    assert sum(asked.startswith("explain ") for asked, _ in ANSWERS) == 4


@pytest.mark.parametrize("page", ASKED)
def test_every_query_of_these_pages_has_its_result_below(page: str) -> None:
    text = (PROJECT_DIR / "docs" / page).read_text()
    assert len(re.findall(BLOCK, text, flags=re.DOTALL)) == text.count("```sql") == ASKED[page]


@pytest.mark.parametrize(("asked", "shown"), [*ANSWERS, *FURTHER])
def test_these_pages_show_what_is_answered(
    sample: Installed, monkeypatch: pytest.MonkeyPatch, asked: str, shown: str
) -> None:
    printed = io.StringIO()
    for verb in ("query", "explain"):
        monkeypatch.setattr(f"orchestration.cli.{verb}.console", Console(file=printed, width=LOG_WIDTH))
    for name, value in sample.places.items():
        monkeypatch.setenv(name, value)
    arguments = asked.split("|", 1) if asked.startswith("query|") else shlex.split(asked)
    outcome = CliRunner().invoke(app, arguments)
    assert outcome.exit_code == 0, outcome.output
    lines = printed.getvalue().splitlines()
    assert [line.strip() for line in lines if line.strip()] == [line.strip() for line in shown.splitlines()]


PAGES = [*sorted(PROJECT_DIR.glob("*.md")), *sorted((PROJECT_DIR / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_links_of_every_page_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([\w./-]+)\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_every_file_that_these_pages_name_exists(page: str) -> None:
    text = (PROJECT_DIR / page).read_text()
    named = re.findall(r"`((?:models|seeds|tests|orchestration|docs|macros)/[\w/.]+)`", text)
    missing = [name for name in named if not (PROJECT_DIR / name).exists()]
    assert len(named) > 3
    assert missing == []
