"""An installation that exports no participation tables yet: everything works on what there is."""

import uuid
from pathlib import Path

import pytest
from conftest import Run
from policies import first_policy
from typer.testing import CliRunner, Result
from worlds import directories, sample_world

from orchestration.cli import app
from orchestration.lock import let_go
from orchestration.policy.checks import POINT_RULES, problems
from orchestration.sample import SampleSize
from orchestration.settings import settings

ABSENT = {
    "event_attendances",
    "proof_of_support",
    "projects",
    "project_supports",
    "pioneer_referrals",
    "activity_point_adjustments",
}
SIZE = SampleSize(members=60, scenes=4, tracks=20, engagements=600, actions=120, nights=2, history_days=5)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two nights without the participation tables, published."""
    home = tmp_path_factory.mktemp("absent")
    config, world = directories(home), sample_world(home, 1, SIZE, participation=False)
    assert not ABSENT & {path.name for path in config.exports_dir.iterdir()}
    return world.publish(config)


def command(published: Run, *arguments: object) -> Result:
    """Call a command on that warehouse."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("WAREHOUSE_DIR", str(published.warehouse_dir))
        environment.setenv("DAGSTER_HOME", "")
        return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_what_members_do_with_signals_earns_points(published: Run) -> None:
    earning = published.sql("select distinct source_table from activity_point order by all")
    assert ("signal_actions",) in earning
    assert not ABSENT & {table for (table,) in earning}
    assert published.sql("select sum(points_all_time) from user_activity") == published.sql(
        "select sum(points) from activity_point where user_id is not null"
    )


def test_member_scene_award_and_change_are_explained(published: Run) -> None:
    ((user_id, award_id, scene_id),) = published.sql(
        """
        select user_id, activity_point_id, scene_id from activity_point
        where user_id is not null and scene_id is not null order by all limit 1
        """
    )
    for asked in (
        ("user", user_id),
        ("award", award_id),
        ("scene", scene_id),
        ("change", "user", user_id, "--from", "2026-01-01", "--to", "2026-01-18"),
    ):
        outcome = command(published, "explain", *asked)
        assert outcome.exit_code == 0, outcome.output
    assert command(published, "explain", "user", uuid.UUID(int=7)).exit_code == 2


def test_a_proposal_is_replayed_and_adopted(
    published: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds, candidate = first_policy(tmp_path / "seeds"), first_policy(tmp_path / "candidate")
    rules = (candidate / POINT_RULES).read_text()
    (candidate / POINT_RULES).write_text(rules.replace(",blast,blast,5,", ",blast,blast,6,"))
    outcome = command(published, "what-if", candidate)
    assert outcome.exit_code == 0, outcome.output
    monkeypatch.setattr("orchestration.cli.policy.SEEDS_DIR", seeds)
    monkeypatch.setenv("WAREHOUSE_DIR", str(published.warehouse_dir))
    outcome = command(published, "adopt", candidate, "--from", "2026-01-19", "--version", "2")
    let_go(settings())
    assert outcome.exit_code == 0, outcome.output
    assert ",blast,blast,6,false,,50,,,2026-01-19,," in (seeds / POINT_RULES).read_text()
    assert problems(seeds) == []
