"""An installation that exports little more than it must: everything works, and unknown numbers are not 0."""

import shutil
import uuid
from pathlib import Path

import pytest
from conftest import Run
from policies import first_policy
from typer.testing import CliRunner, Result
from worlds import World, directories, ingest_nights, models

from orchestration.cli import app
from orchestration.lock import let_go
from orchestration.policy.checks import POINT_RULES, problems
from orchestration.sample import SampleSize, write_sample
from orchestration.settings import settings

# What is required, and the artists.
DELIVERED = {
    "artist_bands",
    "communities",
    "rotation_entries",
    "signal_actions",
    "signals",
    "track_engagements",
    "tracks",
    "users",
}
# Some of what these tables tell about a scene, and some of what they do not.
KNOWN = {
    "active_artists", "active_users", "activity_points", "adds", "artist_to_member_ratio", "artists",
    "blasts", "contributors", "engagement_points", "full_listens", "gps_verified_share", "listens", "members",
    "promotions_posted", "recommends", "signal_actions", "skip_rate", "skips", "songs_in_rotation",
    "tracks_in_main_rotation", "unique_listeners",
}  # fmt: skip
UNKNOWN = {
    "active_sects", "attendance_per_event_avg", "event_to_artist_ratio", "events_created", "followers",
    "joined_members", "members_attending_share", "never_voted_share", "official_sects", "project_supports",
    "promoters", "proof_of_support_verified", "sect_motions", "verified_attendance", "votes", "voting_share",
}  # fmt: skip
SIZE = SampleSize(members=60, scenes=4, tracks=20, engagements=600, actions=120, nights=2, history_days=5)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where two nights of these tables alone arrived."""
    return tmp_path_factory.mktemp("absent")


@pytest.fixture(scope="module")
def world(home: Path) -> World:
    """Those nights, built; further tables may arrive in it."""
    config = directories(home)
    nights = write_sample(config.exports_dir, SIZE)
    for table in [folder for folder in config.exports_dir.iterdir() if folder.is_dir()]:
        if table.name not in DELIVERED:
            shutil.rmtree(table)
    assert ingest_nights(config, confirmed=nights) == nights[-1]
    made = World()
    made.load(config)
    made.connection.execute("update privacy_floor set floor_people = 0")
    made.build()
    return made


@pytest.fixture(scope="module")
def published(home: Path, world: World) -> Run:
    """Those nights, published."""
    return world.publish(directories(home))


def command(published: Run, *arguments: object) -> Result:
    """Call a command on that warehouse."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("WAREHOUSE_DIR", str(published.warehouse_dir))
        environment.setenv("DAGSTER_HOME", "")
        return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_what_members_do_with_signals_earns_points(published: Run) -> None:
    earning = published.sql("select distinct source_table from activity_point order by all")
    assert ("signal_actions",) in earning
    assert {table for (table,) in earning} <= DELIVERED
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
    monkeypatch.setattr("orchestration.cli.adopt.SEEDS_DIR", seeds)
    monkeypatch.setenv("WAREHOUSE_DIR", str(published.warehouse_dir))
    outcome = command(published, "adopt", candidate, "--from", "2026-01-19", "--version", "2")
    let_go(settings())
    assert outcome.exit_code == 0, outcome.output
    assert ",blast,blast,6,false,,50,,,2026-01-19,," in (seeds / POINT_RULES).read_text()
    assert problems(seeds) == []


def names(rows: list[tuple[str]]) -> set[str]:
    """The names in rows of one column."""
    return {name for (name,) in rows}


def test_what_counts_rows_of_a_table_that_never_arrived_is_not_said_to_be_0(published: Run) -> None:
    found = names(published.sql("select distinct metric from analytics_summary"))
    assert found >= KNOWN
    assert found & UNKNOWN == set()
    needed = published.sql("select metric, needs from metric where needs is not null")
    assert {metric for metric, needs in needed if not DELIVERED.issuperset(needs.split(";"))} & found == set()
    assert published.sql(
        """
        select count(active_sects), count(events_this_week), count(*) = count(signal_actions_7d),
            count(*) = count(total_members), count(*) = count(activity_score_7d), count(*) > 0
        from plot_statistics
        """
    ) == [(0, 0, True, True, True, True)]
    assert published.sql(
        "select count(followers), count(*) = count(adds), count(*) = count(listens), count(*) > 0 "
        "from artist_analytics"
    ) == [(0, True, True, True)]


def test_a_metric_needs_at_least_what_it_lights_up_with(published: Run) -> None:
    """Also if no model computes it yet: nobody shall forget it."""
    rows = published.sql("select metric, needs, lights_up_with from metric where computed_by is not null")
    lacking = {
        metric: lights_up_with
        for metric, needs, lights_up_with in rows
        if not set((lights_up_with or "").split(";")) - {""} <= set((needs or "").split(";"))
    }
    assert lacking == {}


@pytest.mark.parametrize(
    ("arrived", "known"),
    [
        ("track_votes", "votes"),
        ("events", "events_created events_this_week"),
        ("event_attendances", ""),
        ("event_attendances events", "events_created events_this_week verified_attendance"),
        ("sect_tags", "active_sects"),
        ("follows", "followers"),
    ],
)
def test_once_it_has_arrived_without_a_row_it_is_0(world: World, arrived: str, known: str) -> None:
    """An export that was only refused has not arrived."""
    told = {"votes", "events_created", "events_this_week", "verified_attendance", "active_sects", "followers"}
    say_numbers = [model.name for model in models().values() if model.folder == "analytics"]
    for status, wanted in (("refused", ""), ("accepted", known)):
        with world.undone():
            for table in arrived.split():
                world.connection.execute(
                    """
                    insert into raw.delivered
                    select * replace ($1 as table_name, $2 as status) from raw.delivered order by all limit 1
                    """,
                    [table, status],
                )
            world.build(("delivery", *say_numbers))
            assert zeros(world) & told == set(wanted.split())


def zeros(world: World) -> set[str]:
    """The numbers that are known, and 0 wherever they are."""
    summary = "select metric from analytics_summary group by metric having bool_and(value = 0)"
    found = names(world.connection.execute(summary).fetchall())
    for column, table in (
        ("active_sects", "plot_statistics"),
        ("events_this_week", "plot_statistics"),
        ("followers", "artist_analytics"),
    ):
        (is_zero,) = world.connection.execute(f"select max({column}) = 0 from {table}").fetchone()  # noqa: S608
        found |= {column} if is_zero else set()
    return found
