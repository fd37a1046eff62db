"""The surroundings of a run do not change it, and a failure of dbt is reported in dbt's words.

That a whole run passes beside settings of another project is seen in `golden.world.undisturbed`, which every
golden test reads.
"""

import datetime as dt
import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest
from dagster_dbt.errors import DagsterDbtCliRuntimeError
from dbt.exceptions import ContractError
from golden.world import EXPORTS, OF_ANOTHER_PROJECT
from test_one_sentence import asked

from orchestration import places
from orchestration.assets import models
from orchestration.build.compiled import compiled
from orchestration.build.run import write_run
from orchestration.cli import run as run_command
from orchestration.cli.console import choose_directories
from orchestration.policy.what_if import NotRecordedError
from orchestration.settings import settings

LAW = "every_total_equals_the_sum_of_its_parts"


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell in which somebody works on another project."""
    for name, value in OF_ANOTHER_PROJECT.items():
        monkeypatch.setenv(name, value)


def foreign() -> set[str]:
    """What of it is still there."""
    return OF_ANOTHER_PROJECT.keys() & os.environ.keys()


@pytest.mark.usefixtures("shell")
def test_every_process_that_asks_for_the_settings_forgets_those_of_other_dbt_projects() -> None:
    settings()
    assert {name for name in foreign() if name.startswith("DBT_")} == set()


@pytest.mark.usefixtures("shell", "copied")
def test_a_command_forgets_those_of_other_dagster_projects_too_but_not_where_dagster_has_its_home() -> None:
    home = choose_directories(None).dagster_home
    assert (foreign(), os.environ["DAGSTER_HOME"]) == (set(), str(home))


@pytest.mark.usefixtures("shell", "copied")
def test_what_is_compiled_beside_them_is_this_project() -> None:
    def laws(manifest: dict) -> list[dict]:
        return [node for node in manifest["nodes"].values() if node["name"] == LAW]

    config = settings()
    (config.dbt_dir / "manifest.json").unlink()
    (law,) = compiled(config, laws, LAW)
    assert "activity_point" in law["compiled_code"]


def ended(folder: Path, code: int, *said: str, made: int = 0) -> SimpleNamespace:
    """A dbt that has ended, with the errors it told of and how many models it told of."""
    errors = "\n\n".join(["", "Errors parsed from dbt logs:", *said]) if said else ""
    return SimpleNamespace(
        target_path=folder,
        process=SimpleNamespace(returncode=code),
        is_successful=lambda: code == 0,
        get_error=lambda: DagsterDbtCliRuntimeError(description=f"failed with exit code.{errors}"),
        get_artifact=lambda name: json.loads((folder / name).read_text()),
        stream=lambda: iter([dg.Output(None, f"model_{number}") for number in range(made)]),
    )


@pytest.mark.parametrize(
    ("code", "said", "sentence"),
    [
        (2, ["Encountered an error:\nno profile 'other'"], "Encountered an error: no profile 'other'"),
        (2, ["a first thing", "the last\nthing"], ": a first thing the last thing\n"),
        (1, [], "with exit code 1 and without a reason"),
        (-15, [], "with exit code -15 and without a reason"),
        (-9, [], "with exit code -9 (-9: killed, mostly for want of memory)"),
    ],
)
def test_an_end_of_dbt_is_explained_by_what_dbt_said_and_memory_is_blamed_for_signal_9_alone(
    tmp_path: Path, code: int, said: list[str], sentence: str
) -> None:
    message = models.failure_message(settings(), ended(tmp_path, code, *said))
    assert sentence in message
    assert ("memory" in message) == (code == -9)


def test_a_build_that_broke_off_after_good_results_is_explained_too(tmp_path: Path) -> None:
    (tmp_path / "run_results.json").write_text('{"results": [{"unique_id": "a.b.c", "status": "success"}]}')
    message = models.failure_message(settings(), ended(tmp_path, 1, "the disk is gone"))
    assert "the disk is gone" in message


def test_columns_that_differ_from_their_contract_are_named_in_one_line_with_the_file_to_change(
    tmp_path: Path,
) -> None:
    """As when somebody adds a window: dbt tells of it in a table, above the macros that it came through."""
    days, awards, member = (
        {"name": name, "data_type": "BIGINT"} for name in ("points_14d", "awards", "user_id")
    )
    differing = ContractError([awards, member | {"data_type": "UUID"}], [days, member]).msg
    said = f"Compilation Error in model user_activity\n{differing}\n  > in macro a (b.sql)\n  > called by c"
    result = {"unique_id": "model.activity_warehouse.user_activity", "status": "error", "message": said}
    (tmp_path / "run_results.json").write_text(json.dumps({"results": [result]}))
    assert models.failure_message(settings(), ended(tmp_path, 1)).splitlines()[1:] == [
        "user_activity could not be built: its contract in models/recognition/user_activity.yml must list "
        "the columns of the model: awards (model: none, contract: BIGINT), points_14d (model: BIGINT, "
        "contract: none), user_id (model: BIGINT, contract: UUID)"
    ]


@pytest.mark.parametrize("made", [0, 2])
def test_a_dbt_that_ends_well_without_telling_of_every_model_has_not_built_the_night(
    tmp_path: Path, made: int
) -> None:
    wanted = SimpleNamespace(
        selected_asset_keys={dg.AssetKey(["model", str(number)]) for number in range(3)},
        selected_asset_check_keys=set(),
    )
    all_told, too_few = ended(tmp_path, 0, made=3), ended(tmp_path, 0, made=made)
    assert len(list(models._with_progress(all_told.stream(), [all_told], wanted))) == 3
    with pytest.raises(dg.Failure, match=rf"Not published.*\n.*told of {made} of the 3 models"):
        list(models._with_progress(too_few.stream(), [too_few], wanted))


def test_a_run_that_ends_well_without_this_nights_publication_is_no_success(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["run", "--exports-dir", EXPORTS, "--warehouse-dir", copied]
    monkeypatch.setattr("orchestration.assets.records.execute", lambda *_: SimpleNamespace(success=True))
    assert asked(*words).exit_code == 4  # what is published is what was delivered, one part being refused
    config = settings()
    config.incoming_dir.mkdir(exist_ok=True)
    write_run(config, dt.date(2026, 1, 4), "this night's")
    outcome = asked(*words)
    assert outcome.exit_code == 1
    assert "does not hold this night's publication" in outcome.stderr


def ended_by(fails: Callable[[], None]) -> tuple[int, str]:
    """How the command ends, and what it says, when a step of Dagster's ends with what this raises."""

    @dg.op
    def step() -> None:
        fails()

    @dg.job(executor_def=dg.in_process_executor)
    def job() -> None:
        step()

    outcome = job.execute_in_process(raise_on_error=False)
    return run_command._explain(next(e for e in outcome.all_events if e.is_step_failure).step_failure_data)


def test_what_our_own_error_says_is_told_and_not_what_caused_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_another_disk(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    def wrong() -> None:
        raise NotRecordedError("no such day") from ValueError("a cause")

    monkeypatch.setattr(Path, "replace", on_another_disk)
    code, said = ended_by(lambda: places.move(tmp_path / "incoming", tmp_path / "raw"))
    assert code == 1
    assert said.startswith(f"{tmp_path / 'incoming'} cannot be moved to {tmp_path / 'raw'}: they lie on diff")
    monkeypatch.undo()
    assert ended_by(wrong) == (2, "no such day")
