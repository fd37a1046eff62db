"""Who leaves moves nobody's points, however many acts fall on one instant: only their own ids change."""

import datetime as dt
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pytest
from golden.world import erased
from worlds import SMALL, TABLES, World, ancestors, directories, ingest_nights

from orchestration.sample import write_sample
from orchestration.settings import Settings

DEPARTURES = ((0, 1), (1, 2), (2, 15))  # one member, another one, many at once
# All times are cut to the day, so that whoever acts on one acts at one instant.
TIMES = {
    "signal_actions": ["createdAt"],
    "event_attendances": ["checkedInAt", "createdAt"],
    "project_supports": ["createdAt"],
    "pioneer_referrals": ["createdAt"],
    "proof_of_support": ["verifiedAt", "createdAt"],
    "activity_point_adjustments": ["createdAt"],
}
NAMES = ("user_id", "source_id", "credited_source_id")
DECIDED = "rule_id, scene_id, occurred_at, decision, price, capped_by, points, reversed_at, export_date"
SCORED = "as_of_date, scope_id, points_on_day, points_7d, points_30d, points_all_time, contributors_30d"

BUILT = ancestors("decision", "activity_score")


@dataclass
class Leaving:
    """A world of ties that members leave one by one; `before` keeps what it was with everybody in it."""

    config: Settings
    nights: list[dt.date]
    world: World

    def build(self) -> None:
        """Ingest what stands in the exports, erase who left, and decide."""
        assert ingest_nights(self.config, confirmed=self.nights) == self.nights[-1]
        self.world.load(self.config)
        self.world.build(BUILT)

    def leave(self, members: Collection[str]) -> None:
        """The last snapshot of users is delivered again without these, whose ids are noted in `gone`."""
        users = self.config.exports_dir / "users" / self.nights[-1].isoformat() / "part-0000.parquet"
        left = list(members)
        copy(self.world.connection, f"from '{users}' where id not in (select unnest({left}))", users)
        ids = set(members)
        for name in TIMES:
            owned = " or ".join(f'"{owner}" in (select unnest($1::uuid[]))' for owner in TABLES[name].owners)
            rows = self.world.connection.execute(f"select id::varchar from raw.{name} where {owned}", [left])
            ids |= {row for (row,) in rows.fetchall()}
        self.world.connection.executemany(
            "insert into gone values ($1, $2)", [(identifier, erased(identifier)) for identifier in ids]
        )
        self.build()

    def moved(self) -> dict[str, int]:
        """How many decisions and days of scores are not what they were, but for the ids of who left."""
        renamed = ", ".join(f"coalesce((select pseudonym from gone where id = {n}), {n})" for n in NAMES)
        decided = (
            f"select {renamed}, {DECIDED} from before.decision",
            f"select {', '.join(NAMES)}, {DECIDED} from decision",
        )
        scored = f"select {SCORED} from before.activity_score", f"select {SCORED} from activity_score"
        return {
            name: len(self.world.connection.execute(f"{was} except all {now}").fetchall())
            for name, (was, now) in {"decision": decided, "activity_score": scored}.items()
        }

    def members(self) -> list[str]:
        """Who blasts a signal at one instant with another member, most often first.

        Not who moved on the last night, which their departure keeps from being known.
        """
        rows = self.world.connection.execute(
            """
            select one.user_id::varchar from stg_signal_actions as one inner join stg_signal_actions as other
            on one.signal_id = other.signal_id and one.created_at = other.created_at
                and one.user_id <> other.user_id and one.action_type = 'BLAST' and other.action_type = 'BLAST'
            inner join stg_users_history as member on one.user_id = member.user_id and member.to_night is null
                and member.from_night < (select as_of_date from as_of)
            group by one.user_id order by count(*) desc, one.user_id
            """
        )
        return [member for (member,) in rows.fetchall()]


def copy(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    connection.execute(f"create or replace temp table copied as {query}")
    connection.execute(f"copy copied to '{path}' (format parquet)")


def leaving(home: Path, seed: int) -> Leaving:
    """The sample's exports, their acts at whole days, with everybody still there."""
    config = directories(home)
    nights = write_sample(config.exports_dir, replace(SMALL, actions=500), seed=seed, formats=("parquet",))
    world = World()
    for name, times in TIMES.items():
        cut = ", ".join(f'date_trunc(\'day\', "{time}"::timestamp) as "{time}"' for time in times)
        for part in config.exports_dir.glob(f"{name}/*/part-*"):
            copy(world.connection, f"select * replace ({cut}) from '{part}'", part)
    found = Leaving(config, nights, world)
    found.build()
    world.keep("before", ["decision", "activity_score"])
    world.connection.execute("create table gone (id uuid, pseudonym uuid)")
    return found


@pytest.mark.seeds(1, 20)
def test_who_leaves_moves_nobodys_points(
    seed: int, tmp_path: Path, tried: Callable[[str, str, int], None]
) -> None:
    left = leaving(tmp_path, seed)
    assert left.moved() == {"decision": 0, "activity_score": 0}
    members = left.members()
    for first, last in DEPARTURES:
        left.leave(members[first:last])
        assert left.moved() == {"decision": 0, "activity_score": 0}, members[first:last]
    tried("erasure", "departures from worlds of acts at one instant: nobody's points move", len(DEPARTURES))


def test_ties_settled_by_ids_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = World.load

    def load_with_ids(world: World, config: Settings) -> None:
        """On purpose wrong: what settles ties is the id, which erasure changes."""
        load(world, config)
        for name in TIMES:
            world.connection.execute(f"update raw.{name} set tie_order = id")

    monkeypatch.setattr(World, "load", load_with_ids)
    left = leaving(tmp_path, 0)
    left.leave(left.members()[:15])
    assert left.moved()["decision"]
    assert left.moved()["activity_score"]
