"""Whatever happens to participation or to the rules, rotation stays as it is; and the other way round."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from golden.world import run_nightly
from mutations import KINDS, POLICY, Mutation, changed, culprits, random_mutations
from sides import TINY, WORLDS, require_apart, write_worlds
from worlds import SMALL, TABLES, World, ancestors, models, sample_world

from orchestration.build.wall import MAY_SEE, MUST_NOT_SEE

PER_BUILD = 25
# Everything rotation must not know: all exports but its own, and what people decide about points.
PARTICIPATION = sorted(TABLES.keys() - MAY_SEE["fair_play"]) + list(POLICY) * 3
LISTENING = sorted(MUST_NOT_SEE["recognition"])
FAIR_PLAY = [model.name for model in models().values() if model.folder == "fair_play"]
RECOGNITION = [model.name for model in models().values() if model.folder == "recognition"]
# Exports that neither rotation nor points look at.
BYSTANDERS = [
    "collection_items",
    "registrar_entries",
    "sects",
    "sect_tags",
    "user_capability_grants",
    "user_tags",
]


def world_of(home: Path, seed: int) -> World:
    """A world of both sides, and what is in them before anything changes."""
    sides = [*FAIR_PLAY, *RECOGNITION]
    world = sample_world(home, seed, SMALL, ancestors(*sides), faults=("late", "duplicate", "corrected"))
    world.keep("before", sides)
    return world


@pytest.mark.seeds(3, 40)
def test_neither_side_of_the_wall_feels_what_happens_on_the_other(
    seed: int, tmp_path: Path, tried: Callable[[str, str, int], None]
) -> None:
    world, rng = world_of(tmp_path, seed), np.random.default_rng(seed)
    mutations = random_mutations(world, rng, PARTICIPATION, PER_BUILD)
    tried("points cannot touch rotation", "changes of participation, rules or policy", PER_BUILD)
    tried("points cannot touch rotation", "worlds with 25 changes on either side of the wall", 1)
    effect = changed(world, mutations, [*FAIR_PLAY, *RECOGNITION]).keys()
    assert not effect & set(FAIR_PLAY), culprits(world, mutations, FAIR_PLAY)
    assert {"act", "ledger", "activity_point"} <= effect

    # One that is sure to be heard: by chance, 25 may be of votes, or of tracks in no rotation.
    heard = Mutation("track_engagements", "delete", seed)
    mutations = [*random_mutations(world, rng, LISTENING, PER_BUILD - 1), heard]
    tried("listening cannot touch points", "changes of listening, votes or rotation", PER_BUILD)
    effect = changed(world, mutations, [*FAIR_PLAY, *RECOGNITION]).keys()
    assert not effect & set(RECOGNITION), culprits(world, mutations, RECOGNITION)
    assert effect & set(FAIR_PLAY)


INFLUENCES = {
    "the score is nudged by points": (
        "rotation_recurrence",
        "    entries.recurrence_score,\n    verdicts",
        "    entries.recurrence_score + (select sum(points) from warehouse.main.ledger)"
        " as recurrence_score,\n    verdicts",
        Mutation("point_rule", "alter", 700),
    ),
    "the score is nudged by follows": (
        "rotation_recurrence",
        "    entries.recurrence_score,\n    verdicts",
        "    entries.recurrence_score + (select count(*) from warehouse.main.stg_follows)"
        " as recurrence_score,\n    verdicts",
        Mutation("follows", "delete", 3),
    ),
    "what was blasted is not played": (
        "rotation_recurrence",
        "where pool = 'MAIN_ROTATION'",
        "where pool = 'MAIN_ROTATION' and (select count(*) from warehouse.main.stg_signal_actions) % 2 = 0",
        Mutation("signal_actions", "delete", 7),
    ),
    "a delivery of participation is awaited": (
        "engagement_gap",
        "where table_name = 'track_engagements'",
        "where table_name = 'proof_of_support'",
        Mutation("proof_of_support", "refuse", 1),
    ),
    "listening earns points": (
        "ledger",
        "    points,\n    is_bonus",
        "    points + (select count(*) from warehouse.main.stg_track_engagements) as points,\n    is_bonus",
        Mutation("track_engagements", "delete", 5),
    ),
}


@pytest.fixture(scope="module")
def influenced(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A small world for all influences; each test keeps anew what it compares."""
    world = sample_world(tmp_path_factory.mktemp("influenced"), 1, TINY)
    world.keep("before", ["rotation_recurrence", "ledger"])
    return world


def test_there_are_changes_of_every_kind_to_every_table(influenced: World) -> None:
    mutations = random_mutations(influenced, np.random.default_rng(0), PARTICIPATION, 500)
    tables = {kind: {m.table for m in mutations if m.kind == kind} for kind in KINDS}
    assert set().union(*tables.values()) == set(PARTICIPATION)
    for kind in ("add", "delete", "alter", "duplicate", "re-time"):
        assert tables[kind] >= {"signal_actions", "proof_of_support", "projects", "follows", *POLICY}, kind
    assert min(len(touched) for touched in tables.values()) > 10


def plant(world: World, model: str, line: str, instead: str) -> dict[str, str]:
    """Build with the influence from the start: what is searched for is a change that shows it."""
    assert line in models()[model].sql
    planted = {model: models()[model].sql.replace(line, instead, 1)}
    world.build(planted=planted)
    world.connection.execute(f"create or replace table before.{model} as from main.{model}")
    return planted


@pytest.mark.parametrize(("model", "line", "instead", "cause"), INFLUENCES.values(), ids=INFLUENCES)
def test_an_influence_is_found(
    influenced: World, model: str, line: str, instead: str, cause: Mutation
) -> None:
    planted = plant(influenced, model, line, instead)
    assert changed(influenced, [], [model], planted) == {}
    assert changed(influenced, [cause], [model], planted)[model] > 0


def test_the_one_change_of_25_that_shows_an_influence_is_named(influenced: World) -> None:
    model, line, instead, cause = INFLUENCES["the score is nudged by points"]
    planted = plant(influenced, model, line, instead)
    others = random_mutations(influenced, np.random.default_rng(6), BYSTANDERS, PER_BUILD - 1)
    assert culprits(influenced, others, [model], planted) == []
    assert culprits(influenced, [*others[:9], cause, *others[9:]], [model], planted) == [cause]


@pytest.mark.seeds(0, 10)
def test_the_real_job_keeps_either_side_of_the_wall_from_the_other(
    seed: int, tmp_path: Path, tried: Callable[[str, str, int], None]
) -> None:
    nights = write_worlds(tmp_path, seed)
    confirm = {"confirm_departures": [night.isoformat() for night in nights]}
    runs = [run_nightly(tmp_path / name, tmp_path / f"warehouse of {name}", **confirm) for name in WORLDS]
    assert [run.success for run in runs] == [True, True, True]
    tried("points cannot touch rotation", "worlds with every export of participation changed, real job", 1)
    tried("listening cannot touch points", "worlds with engagements, votes and settings changed, real job", 1)
    require_apart(*(run.warehouse_dir for run in runs))
