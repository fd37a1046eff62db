"""Every character that a file system allows in a name works, or its path is refused before all else."""

import datetime as dt
import shutil
import subprocess
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from golden.world import CONFIRM, WAREHOUSE, environment, expected
from odd_places import ODDEST, OddlyPlaced, in_the_oddest_directory
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.cli.console import console
from orchestration.database import files
from orchestration.policy.checks import SEEDS_DIR
from orchestration.settings import UsageError, settings

DIRECTORIES = ("EXPORTS_DIR", "WAREHOUSE_DIR", "DAGSTER_HOME")
UNPRINTABLE = ["\n", "\t", "\x01", "\x1b[2J", "\x7f", "\x85", "\udcff"]
NO_WAREHOUSE = ["?", "#", "\\", "{", "}", "{{ x }}", "{name}"]
NO_HOME = ["?", "%20"]
ODD = [
    "wh[1]", "[!w]", "[", "]", "*", "**", "?", "#", "%", "%s", "%20", "{", "}", "{{ x }}", "{name}", "'",
    "''", '"', "`", "$HOME", "~", "-rf", " a  b ", "a=1", "night=2020-01-01", ";", "&", "|", "<>", "(a)", "@",
    "a:b", "a,b", "a+b", "!", "^", "\\", "...", "[prod]", "[/prod]", "[bold]", "md:a", "file:a", "ü", "日本",
    "😀", *UNPRINTABLE,
]  # fmt: skip
USUAL = [name for name in ODD if name not in [*UNPRINTABLE, *NO_WAREHOUSE]]
MEANT = ["wh1", "w", "a", "xyz"]  # what some of them could stand for


@pytest.fixture
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No directory is set."""
    for name in DIRECTORIES:
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    return tmp_path


@pytest.mark.parametrize("odd", ODD, ids=ascii)
@pytest.mark.parametrize(
    ("variable", "refused"),
    [("EXPORTS_DIR", []), ("WAREHOUSE_DIR", NO_WAREHOUSE), ("DAGSTER_HOME", NO_HOME)],
)
def test_a_directory_may_have_any_name_or_is_refused_in_one_sentence(
    somewhere: Path, monkeypatch: pytest.MonkeyPatch, variable: str, refused: list[str], odd: str
) -> None:
    directory = somewhere / odd / "below"
    monkeypatch.setenv(variable, str(directory))
    if odd not in [*UNPRINTABLE, *refused]:
        assert getattr(settings(), variable.lower()) == directory
        return
    with pytest.raises(UsageError, match=f"^{variable} is '.* so choose another directory$") as said:
        settings()
    assert str(said.value).isprintable()
    outcome = CliRunner().invoke(app, ["run"])
    assert (outcome.exit_code, outcome.stderr) == (2, f"{said.value}\n")
    assert list(somewhere.iterdir()) == []


@pytest.mark.parametrize("odd", USUAL, ids=ascii)
def test_what_is_read_lies_in_the_directory_and_not_in_one_that_its_name_could_stand_for(
    somewhere: Path, odd: str
) -> None:
    """`wh1` lies beside `wh[1]`, and a folder `a=1` is no column of what lies in it."""
    there = somewhere / odd / "raw" / "table" / "night"
    for folder, value in ((there, 1), *((somewhere / name / "raw" / "table" / "night", 2) for name in MEANT)):
        folder.mkdir(parents=True)
        rows = f"select {value} as value, 'a' as a, date '2026-01-01' as night"
        duckdb.sql(rows).write_parquet(str(folder / "rows.parquet"))
    found = [(1, "a", dt.date(2026, 1, 1))]
    assert duckdb.sql(f"from read_parquet({files(there / 'rows.parquet')})").fetchall() == found
    assert (
        duckdb.sql(f"from read_parquet({files(somewhere / odd, 'raw/*/*/rows.parquet')})").fetchall() == found
    )


@pytest.mark.parametrize("odd", ["[prod]", "[/prod]", "[bold]"])
def test_what_looks_like_markup_is_printed_as_it_is(odd: str) -> None:
    with console.capture() as printed:
        console.print(f"The warehouse: /{odd}")
    assert printed.get() == f"The warehouse: /{odd}\n"


def test_dagster_keeps_its_books_in_an_odd_home(somewhere: Path) -> None:
    home = somewhere / ODDEST.replace("%20", "%") / "#{x}\\"
    home.mkdir(parents=True)
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        assert instance.get_run_records() == []
    assert (home / "history" / "runs.db").exists()


def test_a_deleted_working_directory_is_named(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    for words in (["status"], ["run", "--warehouse-dir", "warehouse"]):
        outcome = subprocess.run(  # noqa: S603
            ["sh", "-c", 'cd "$0" && rmdir "$0" && exec "$@"; exit 9', gone, WAREHOUSE, *words],  # noqa: S607
            capture_output=True, text=True, check=False, env=environment(),
        )  # fmt: skip
        assert outcome.stderr == "the current directory was deleted; change to one that is there\n"
        assert outcome.returncode == 2
        gone.mkdir()


def test_a_warehouse_in_the_oddest_directory_holds_its_own_data(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """A real run, beside another warehouse that it could be taken for, and what can be asked of it."""
    run = in_the_oddest_directory(tmp_path_factory)
    assert f"The warehouse: {run.warehouse_dir}/analytics.duckdb" in run.said
    odd = OddlyPlaced(shutil.copytree(run.folder, tmp_path / "copied"))
    points = odd.warehouse("query", "select sum(points) as points from activity_point", "--format", "csv")
    assert points.stdout == f"points\n{sum(int(row['points']) for row in expected('activity_point'))}\n"
    assert f"The warehouse: {odd.warehouse_dir}\n" in odd.warehouse("status").stdout
    assert odd.warehouse("verify").returncode == 0
    rules = tmp_path / "rules [1]=*"
    shutil.copytree(SEEDS_DIR, rules)
    compared = odd.warehouse("what-if", rules)
    assert compared.returncode == 0, compared.stderr
    again = odd.warehouse("run", *CONFIRM)
    assert (again.returncode, "nothing new" in again.stdout) == (4, True), again.stdout + again.stderr
