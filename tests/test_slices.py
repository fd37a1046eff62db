"""A slice of the trends that stands is what it would be if it were made anew, whatever changes."""

import datetime as dt
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mutations import random_mutations
from worlds import SEEDS, TABLES, World, ancestors, descendants, models, sample_world

from orchestration.build.manifest import sliced_models
from orchestration.sample import SampleSize

pytestmark = pytest.mark.no_cover

SIZE = SampleSize(members=60, scenes=6, tracks=25, engagements=1500, actions=400, nights=3, history_days=100)
SLICED = sliced_models()
BEHIND = ancestors(*SLICED)
# The exports that they are made of.
CHANGING = [name for name in TABLES if f"stg_{name}" in BEHIND]
# A Monday, in the first days of a month.
MONDAY = dt.date(2025, 11, 3)
LATE_ACT = """
    insert into raw.track_engagements
    select * replace (md5(id::varchar)::uuid as id, timestamp '2025-11-04 12:00:00' as "createdAt")
    from raw.track_engagements
    order by id
    limit 1
"""
JOINED_EARLIER = """update raw.users set "createdAt" = "createdAt" - interval 5 day"""
# By what of a slice's id takes it into account, a change that would be overlooked without it.
TAKEN_INTO_ACCOUNT = {
    "of_periods.content": "update raw.track_engagements set type = 'skip', score = 0",
    "scenes.content": JOINED_EARLIER,
    "cohorts.content": JOINED_EARLIER,
    "in_common.content": "update privacy_floor set floor_people = floor_people + 3",
    # The week in which the month begins, but for the days that are in the month.
    "weeks_of_months.content": """
        delete from raw.track_engagements
        where "createdAt" >= date '2025-10-27' and "createdAt" < date '2025-11-01'
    """,
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world built once, with what the slices are made of."""
    return sample_world(tmp_path_factory.mktemp("slices"), seed=3, size=SIZE, names=BEHIND)


def periods(world: World) -> dict[tuple[str, object], object]:
    """The slices of weeks and months. Who joined in a month moves and leaves later, too."""
    return {key: made_of for key, made_of in slices(world).items() if key[0] != "joined"}


def build_upon(world: World, names: Collection[str]) -> None:
    """Build some models anew, and of the sliced ones only the slices that do not stand."""
    for name in names:
        world.build([name], incremental=name in SLICED)


def slices(world: World) -> dict[tuple[str, object], object]:
    """By period and day on which it starts, the id of what each slice is made of."""
    found = world.connection.execute("select period, starts_on, made_of from trend_slice").fetchall()
    return {(period, starts_on): made_of for period, starts_on, made_of in found}


def stale(world: World, change: Callable[[], object], upon: Collection[str] = BEHIND) -> dict[str, int]:
    """How many rows of which sliced tables, built upon after a change, are not what they would be anew."""
    change()
    build_upon(world, upon)
    world.keep("built_upon", SLICED)
    world.build(upon)
    return world.differing("built_upon", SLICED)


def as_of(world: World, day: int) -> dict[tuple[str, object], object]:
    """The slices as of a night of January; what is sliced is built upon."""
    world.connection.execute("update raw.run set as_of_date = $1", [dt.date(2026, 1, day)])
    build_upon(world, BEHIND)
    return periods(world)


def test_what_is_sliced_says_so_itself(world: World) -> None:
    assert len(SLICED) == 8
    for name in SLICED:
        assert "made_of" in world.connection.table(name).columns
        assert world.connection.table(name).shape[0] > 0, name


def test_a_night_adds_the_periods_that_end_with_it_and_makes_no_other_anew(tmp_path: Path) -> None:
    """Some nights before, a scene is founded, by which all slices change."""
    world = sample_world(tmp_path, seed=3, size=replace(SIZE, nights=9), names=BEHIND)
    friday, saturday, sunday = (as_of(world, day) for day in (16, 17, 18))
    ends_on_sunday = ("week", dt.date(2026, 1, 12))
    assert len(friday) > 15
    assert saturday == friday
    assert sunday == friday | {ends_on_sunday: sunday[ends_on_sunday]}


def test_a_late_act_changes_the_slices_of_its_day_alone(world: World) -> None:
    with world.undone():
        before = periods(world)
        world.connection.execute(LATE_ACT)
        build_upon(world, BEHIND)
        changed = {key for key, made_of in periods(world).items() if before[key] != made_of}
    assert changed == {("week", MONDAY), ("month", MONDAY.replace(day=1))}


@pytest.mark.seeds(1, 8)
def test_whatever_changes_what_stands_is_what_it_would_be_anew(seed: int, long: bool, tmp_path: Path) -> None:
    world = sample_world(tmp_path, seed=20 + seed, size=SIZE, names=BEHIND)
    rng, kept, made = np.random.default_rng([15, seed]), 0, 0
    before = slices(world)
    for mutation in random_mutations(world, rng, CHANGING, 40 if long else 12):
        behind = [name for name in descendants(*readers(mutation.table)) if name in BEHIND]
        with world.undone():
            differing = stale(world, lambda m=mutation: m.apply(world.connection), behind)
            assert differing == {}, mutation
            stands = [key for key, made_of in slices(world).items() if before.get(key) == made_of]
            kept += len(stands)
            made += len(slices(world)) - len(stands)
    assert kept > 0
    assert made > 0


def readers(table: str) -> list[str]:
    """The models that read an export or the account of deliveries themselves."""
    names = (f"raw.{table}", "raw.delivered")
    return [model.name for model in models().values() if any(name in model.sql for name in names)]


@pytest.mark.parametrize("taken", TAKEN_INTO_ACCOUNT)
def test_what_a_slice_is_made_of_is_taken_into_account(world: World, taken: str) -> None:
    with world.undone():
        assert stale(world, lambda: world.connection.execute(TAKEN_INTO_ACCOUNT[taken])) == {}


@pytest.mark.parametrize("taken", TAKEN_INTO_ACCOUNT)
def test_a_slice_that_overlooks_what_it_is_made_of_is_found(
    world: World, taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models()["trend_slice"]
    assert f"cast({taken} as string)" in model.sql
    overlooking = replace(model, sql=model.sql.replace(f"cast({taken} as string)", "''"))
    monkeypatch.setitem(models(), "trend_slice", overlooking)
    with world.undone():
        world.build(BEHIND)
        assert stale(world, lambda: world.connection.execute(TAKEN_INTO_ACCOUNT[taken]))


def test_what_sliced_models_read_is_what_a_slice_is_made_of() -> None:
    """Directly, or by a model that reads nothing but sliced ones and what a slice is made of."""
    known = {"trend_slice", *models()["trend_slice"].parents, *SLICED, *SEEDS}
    for name, model in models().items():
        if set(model.parents) <= known:
            known.add(name)
    unknown = {name: set(models()[name].parents) - known for name in SLICED}
    assert not any(unknown.values()), unknown
