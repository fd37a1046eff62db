"""However the exports arrive, what is published is what one clean full build of them publishes."""

import datetime as dt
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pytest
from conftest import Run
from deliveries import CARRIED, FORMS, ORDERS, Rows, Schedule, Warehouse, make_wrong, write_exports
from golden.world import erased, run_nightly
from worlds import PUBLISHED, TABLES, departed, directories, models

from orchestration.build import working
from orchestration.raw import ingest
from orchestration.raw.discover import delivered_nights, latest_complete_night

# Schedules of a world, in the short form and in the long one.
FEW, MANY = 7, 10
# Of worlds: members leave, nobody does, nobody confirms that they left.
KINDS = 3
PROMISE = "same set, same result"
Tried = Callable[[str, str, int], None]


@dataclass
class Delivered:
    """A set of exports, and what one clean build of them publishes.

    `left` and `returning` are the pseudonyms of who has left in the end, and of who is missing for one night.
    """

    exports: Path
    nights: list[dt.date]
    confirmed: list[dt.date]
    left: set[str]
    returning: set[str]
    rng: np.random.Generator
    wanted: Rows

    def schedule(self, number: int) -> Schedule:
        """Some way in which they may arrive.

        Where nobody confirms departures, a wrong delivery of users could stand where a right one is refused.
        """
        return Schedule(self.exports, self.nights, self.rng, bool(self.confirmed), number)


def delivered(home: Path, seed: int, nights: int = 2) -> Delivered:
    """Exports that follow from the seed.

    In one world of three members leave, in the next nobody does, in the third nobody confirms that they left.
    """
    rng = np.random.default_rng([7, seed])
    exports = home / "clean" / "exports"
    dates = write_exports(exports, rng, seed, nights, leaving=seed % KINDS != 1)
    confirmed = dates if seed % KINDS != 2 else []
    warehouse = Warehouse(home / "clean", confirmed)
    warehouse.run()
    first, *_, before, last = (members(exports, night) for night in dates)
    left = {erased(member) for member in (first | before) - last if seed % KINDS == 0}
    returning = {erased(member) for member in (first & last) - before if seed % KINDS == 0}
    assert warehouse.left == left
    assert bool(left) == bool(returning) == (seed % KINDS == 0)
    of_nobody = "select 1 from activity_point where user_id is null"
    assert bool(warehouse.world.connection.execute(of_nobody).fetchone()) == bool(left)
    return Delivered(exports, dates, confirmed, left, returning, rng, warehouse.published())


def members(exports: Path, night: dt.date) -> set[str]:
    """Who is in the users snapshot of a night."""
    query = f"select id from read_parquet('{exports}/users/{night}/part-*') where id is not null"
    return {member for (member,) in duckdb.execute(query).fetchall()}


def differing(found: Rows, wanted: Rows) -> list[str]:
    """The tables that are not row for row the same."""
    return [table for table in PUBLISHED if found[table] != wanted[table]]


@pytest.mark.seeds(1, 20)
def test_any_schedule_of_delivery_gives_what_a_clean_build_gives(
    seed: int, long: bool, tmp_path: Path, tried: Tried
) -> None:
    final, built_upon, returned = delivered(tmp_path, seed, nights=3 if long else 2), 0, 0
    kinds: set[str] = set()
    for number in range(MANY if long else FEW):
        home, schedule = tmp_path / str(number), final.schedule(number)
        warehouse = Warehouse(home, final.confirmed)
        schedule.follow(home / "exports", warehouse.run, CARRIED)
        tried(PROMISE, "schedules of delivery", 1)
        tried(PROMISE, "builds upon an earlier one in them", warehouse.built_upon)
        tried(PROMISE, "builds upon the slices of an earlier one in them", warehouse.kept_slices)
        tried(PROMISE, "schedules in which members are erased", bool(warehouse.left))
        tried(PROMISE, "schedules in which members come back", bool(warehouse.returned & final.returning))
        for kind in schedule.kinds:
            tried(PROMISE, f"schedules: {kind}", 1)
        kinds |= schedule.kinds
        built_upon += warehouse.built_upon
        returned += len(warehouse.returned & final.returning)
        assert differing(warehouse.published(), final.wanted) == [], schedule.story
        assert warehouse.left == final.left
        shutil.rmtree(home)
    assert built_upon > 0
    assert kinds == {*ORDERS, *FORMS}
    assert bool(returned) == bool(final.left)


@dataclass
class Job:
    """A warehouse run by the real job."""

    exports: Path
    home: Path
    confirmed: list[dt.date]
    last: Run | None = None

    def run(
        self,
        *,
        not_after: dt.date = dt.date.max,
        break_off_after: int | None = None,
        break_off_build: bool = False,
        names: Collection[str] | None = None,
    ) -> None:
        """What `Warehouse.run` does, by the job."""
        del names
        nights = delivered_nights(self.exports, TABLES)
        arrived = {(night.table, night.date) for night in nights if night.date <= not_after}
        as_of = latest_complete_night(arrived, TABLES)
        if as_of is None:
            return
        with pytest.MonkeyPatch.context() as patch:
            if break_off_after:
                patch.setattr(ingest, "swap_in", partial(broken_off, iter(range(break_off_after))))
            if break_off_build:
                patch.setattr("orchestration.assets.models._finish", broken_off)
            self.last = run_nightly(
                self.exports,
                self.home,
                as_of=as_of.isoformat() if not_after < dt.date.max else "",
                confirm_departures=[night.isoformat() for night in self.confirmed],
            )


SWAP_IN = ingest.swap_in


def broken_off(*arguments: object) -> None:
    """Break off at once, or after so many nights were swapped in."""
    left, *rest = arguments
    if not hasattr(left, "__next__") or next(left, None) is None:
        raise KeyboardInterrupt
    SWAP_IN(*rest)


@pytest.mark.seeds(0, 10)
def test_any_schedule_gives_what_a_clean_build_gives_by_the_real_job(
    seed: int, tmp_path: Path, tried: Tried
) -> None:
    final = delivered(tmp_path, 99 + seed)
    schedule = final.schedule(seed)
    job = Job(tmp_path / "exports", tmp_path / "warehouse", final.confirmed)
    schedule.follow(job.exports, job.run)
    tried(PROMISE, "schedules of delivery, real job", 1)
    assert job.last.success, (job.last.message, schedule.story)
    found = {table: job.last.sql(f"from {table} order by all") for table in PUBLISHED}
    assert differing(found, final.wanted) == [], schedule.story
    assert departed(directories(tmp_path)) == final.left
    if seed < KINDS:
        # The clean build that all are compared with is one in memory. The job publishes the same.
        clean = Job(final.exports, tmp_path / "clean_warehouse", final.confirmed)
        clean.run()
        assert clean.last.success, clean.last.message
        for table in PUBLISHED:
            assert job.last.table(table) == clean.last.table(table), (table, schedule.story)


@pytest.fixture(scope="module")
def final(tmp_path_factory: pytest.TempPathFactory) -> Delivered:
    """One set of exports, in which nobody leaves, for what is tried by hand."""
    return delivered(tmp_path_factory.mktemp("final"), 1)


def arrive(final: Delivered, arriving: Path, nights: Collection[dt.date]) -> None:
    """Let whole nights arrive."""
    for night in nights:
        for folder in final.exports.glob(f"*/{night}"):
            shutil.copytree(folder, arriving / folder.parent.name / folder.name, dirs_exist_ok=True)


def late_by_a_year(final: Delivered, warehouse: Warehouse) -> Rows:
    """The oldest night arrives last."""
    old, *others = final.nights
    arrive(final, warehouse.home / "exports", others)
    warehouse.run()
    arrive(final, warehouse.home / "exports", [old])
    warehouse.run()
    return warehouse.published()


def test_the_oldest_night_may_come_last(final: Delivered, tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path, final.confirmed)
    assert differing(late_by_a_year(final, warehouse), final.wanted) == []
    assert warehouse.built_upon == 1
    assert final.nights[1] - final.nights[0] > dt.timedelta(days=29)


def test_a_model_that_looks_only_at_newer_nights_is_found(
    final: Delivered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = 'delivery_id not in (select delivery_id from "warehouse"."main"."stg_track_engagements")'
    model = models()["stg_track_engagements"]
    assert line in model.incremental_sql
    newer = "night > (select max(export_date) from warehouse.main.stg_track_engagements)"
    planted = replace(model, incremental_sql=model.incremental_sql.replace(line, newer))
    monkeypatch.setattr("worlds.models", lambda: models() | {model.name: planted})
    assert "analytics_summary" in differing(
        late_by_a_year(final, Warehouse(tmp_path, final.confirmed)), final.wanted
    )


def corrected(final: Delivered, warehouse: Warehouse) -> Rows:
    """A night of engagements is wrong at first."""
    arriving = warehouse.home / "exports"
    arrive(final, arriving, final.nights)
    make_wrong(arriving / "track_engagements" / final.nights[1].isoformat(), "trackId")
    warehouse.run()
    arrive(final, arriving, final.nights)
    warehouse.run()
    return warehouse.published()


def test_a_corrected_night_starts_anew(final: Delivered, tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path, final.confirmed)
    assert differing(corrected(final, warehouse), final.wanted) == []
    assert warehouse.built_upon == 0
    assert warehouse.kept_slices == 1


def test_building_upon_what_does_not_stand_any_more_is_found(
    final: Delivered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "_since_built", lambda file, _: working.NOTHING if file.exists() else None)
    warehouse = Warehouse(tmp_path, final.confirmed)
    assert differing(corrected(final, warehouse), final.wanted)
    assert warehouse.built_upon == 1


def test_what_the_last_snapshot_does_not_hold_is_gone(final: Delivered, tmp_path: Path) -> None:
    warehouse, gone = Warehouse(tmp_path, final.confirmed), 0
    for night in final.nights:
        arrive(final, tmp_path / "exports", [night])
        warehouse.run(names=None if night == final.nights[-1] else CARRIED)
    for name, table in TABLES.items():
        if table.kind == "snapshot" and f"stg_{name}" in models():
            before, last = (
                set(
                    duckdb.execute(
                        "select id::uuid from read_parquet(?) where id is not null", [parts]
                    ).fetchall()
                )
                for parts in (f"{final.exports}/{name}/{night}/part-*" for night in final.nights[-2:])
            )
            staged = warehouse.world.connection.table(f"stg_{name}")
            assert set(staged.select(staged.columns[0]).fetchall()) == last, name
            gone += len(before - last)
    assert gone > 10


def left(final: Delivered, warehouse: Warehouse) -> Rows:
    """Night after night; some are missing from the last but one and come back, others from the last."""
    for night in final.nights:
        arrive(final, warehouse.home / "exports", [night])
        warehouse.run(names=None if night == final.nights[-1] else CARRIED)
    return warehouse.published()


@pytest.fixture(scope="module")
def leaving(tmp_path_factory: pytest.TempPathFactory) -> Delivered:
    """One set of exports, in which members leave and come back."""
    return delivered(tmp_path_factory.mktemp("leaving"), 0)


def test_members_may_leave_and_come_back(leaving: Delivered, tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path, leaving.confirmed)
    assert differing(left(leaving, warehouse), leaving.wanted) == []
    assert warehouse.returned == leaving.returning


@pytest.mark.parametrize("unsettled", ["worlds.settle", "orchestration.raw.erase._let_go"])
def test_an_erasure_or_a_return_left_out_is_found(
    leaving: Delivered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unsettled: str
) -> None:
    monkeypatch.setattr(unsettled, lambda *_: set())
    found = differing(left(leaving, Warehouse(tmp_path, leaving.confirmed)), leaving.wanted)
    assert "activity_point" in found


def test_an_erasure_under_another_key_is_found(
    leaving: Delivered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERASURE_KEY", "00" * 32)
    found = differing(left(leaving, Warehouse(tmp_path, leaving.confirmed)), leaving.wanted)
    assert "activity_point" in found
    assert "activity_score" not in found
