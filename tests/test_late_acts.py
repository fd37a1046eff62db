"""An act that arrives late changes only decisions within its window, its day or its once-only rule.

Prices and caps are those of the seeds: a blast 5, a response to it 2 within 168 hours, a support 10 with 50 a
day, an attendance 15 once per event.
"""

import datetime as dt
import uuid
from collections.abc import Iterator

import duckdb
import pytest
from conftest import uid
from golden.world import compiled_sql, golden_run

ARMS = (
    "blast",
    "blast_response",
    "support",
    "attendance",
    "project",
    "proof_of_support",
    "pioneering",
    "adjustment",
)
SCORED = ("act", "claim", "decision", "ledger")
FILLED = ("point_rule", "as_of")
JANUARY = dt.datetime(2026, 1, 1)
MEMBERS = range(1, 10)

Change = tuple[str, int, int, str, int]


class World:
    """Staging tables to fill by hand, and the SQL of recognition as dbt compiled it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, sql: dict[str, str]) -> None:
        """Everything empty but the members, the rules and the as-of."""
        self.connection, self.sql = connection, sql
        for (table,) in connection.sql(
            "select table_name from duckdb_tables() where database_name = 'built' and schema_name = 'main'"
        ).fetchall():
            rows = "" if table in FILLED else "limit 0"
            connection.execute(f"create table {table} as from built.main.{table} {rows}")
        for arm in ARMS:
            connection.execute(f"create view {arm} as {sql[arm]}")
        connection.execute("update as_of set as_of_date = '2026-01-31', as_of = '2026-02-01'")
        for member in MEMBERS:
            connection.execute("insert into stg_users_history (user_id) values ($1)", [uid(1, member)])

    def action(self, number: int, kind: str, member: int, signal: int, day: int, hour: float) -> None:
        """A signal action in January."""
        self.connection.execute(
            "insert into stg_signal_actions values ($1, $2, $3, $4, $5, $5::date, $6, $1)",
            [uid(2, number), kind, uid(1, member), uid(3, signal), at(day, hour), uid(9, 1)],
        )

    def attendance(self, number: int, member: int, event: int, day: int, hour: float) -> None:
        """An attendance in January."""
        self.connection.execute(
            "insert into stg_event_attendances values ($1, $2, $3, $4, 'qr_scan', $4, $4::date, $5, $1)",
            [uid(2, number), uid(1, member), uid(4, event), at(day, hour), uid(9, 1)],
        )

    def score(self) -> None:
        """Decide about everything. The decisions made before are kept as `before_...`."""
        for model in SCORED:
            self.connection.execute(f"drop table if exists before_{model}")
            if model in [name for (name,) in self.connection.sql("show tables").fetchall()]:
                self.connection.execute(f"alter table {model} rename to before_{model}")
        for model in SCORED:
            self.connection.execute(f"create table {model} as {self.sql[model]}")

    def changes(self) -> tuple[set[Change], set[Change]]:
        """Decisions that were there before and those there now, where any column of the decision changed."""
        return self._without("before_decision", "decision"), self._without("decision", "before_decision")

    def _without(self, one: str, other: str) -> set[Change]:
        found = self.connection.sql(f"from (from {one} except all from {other})")
        rows = [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
        return {
            (row["rule_id"], number(row["source_id"]), number(row["user_id"]), row["decision"], row["points"])
            for row in rows
        }


def number(value: uuid.UUID) -> int:
    """What `uid` made the id of."""
    return int(str(value)[-12:])


def at(day: int, hour: float) -> dt.datetime:
    """A moment in January."""
    return JANUARY + dt.timedelta(days=day - 1, hours=hour)


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The golden nights' tables, emptied."""
    golden = golden_run(tmp_path_factory)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{golden.warehouse_dir / 'warehouse.duckdb'}' as built (read_only)")
        connection.execute("attach ':memory:' as warehouse; use warehouse")
        yield World(connection, compiled_sql(golden))


def test_a_late_blast_moves_the_responses_in_its_window_and_nothing_else(world: World) -> None:
    """Member 1 blasts signal 1 on the 1st at 10:00, so responses count until the 8th at 10:00."""
    world.action(1, "BLAST", 1, signal=1, day=1, hour=10)
    world.action(2, "ADD", 3, signal=1, day=2, hour=10)
    world.action(3, "ADD", 4, signal=1, day=4, hour=10)
    world.action(4, "ADD", 5, signal=1, day=5, hour=10)
    world.action(5, "ADD", 6, signal=1, day=10, hour=10)
    world.action(6, "ADD", 7, signal=1, day=11, hour=10)
    world.action(7, "ADD", 8, signal=1, day=11, hour=10.001)
    world.action(8, "BLAST", 1, signal=2, day=5, hour=9)
    world.action(9, "ADD", 4, signal=2, day=6, hour=9)
    world.score()
    # Member 2 had blasted it on the 4th at 10:00: from the next instant until the 11th at 10:00 it is theirs.
    world.action(10, "BLAST", 2, signal=1, day=4, hour=10)
    world.score()
    before, now = world.changes()
    assert before == {("blast_response", 4, 1, "awarded", 2)}
    assert now == {
        ("blast", 10, 2, "awarded", 5),
        ("blast_response", 4, 2, "awarded", 2),
        ("blast_response", 5, 2, "awarded", 2),
        ("blast_response", 6, 2, "awarded", 2),
    }


def test_a_late_act_under_a_daily_cap_moves_its_own_day_only(world: World) -> None:
    """Member 1 supports six things on the 3rd, hourly from 10:00: five are paid, then 50 are reached."""
    for support in range(1, 7):
        world.action(support, "SUPPORT", 1, signal=support, day=3, hour=9 + support)
    world.action(7, "SUPPORT", 1, signal=7, day=2, hour=23.9)
    world.action(8, "SUPPORT", 1, signal=8, day=4, hour=0)
    world.action(9, "SUPPORT", 2, signal=1, day=3, hour=20)
    world.action(10, "BLAST", 1, signal=9, day=3, hour=20)
    world.score()
    # One more, at 09:00 of that day: it is paid, and the fifth finds nothing left.
    world.action(11, "SUPPORT", 1, signal=10, day=3, hour=9)
    world.score()
    before, now = world.changes()
    assert before == {("support", 5, 1, "awarded", 10)}
    assert now == {("support", 5, 1, "daily_capped", 0), ("support", 11, 1, "awarded", 10)}


def test_a_late_act_under_a_once_only_rule_takes_the_place_of_the_later_one(world: World) -> None:
    """Member 1 was at event 1 on the 5th, and, as it turns out, on the 3rd already."""
    world.attendance(1, 1, event=1, day=5, hour=20)
    world.attendance(2, 1, event=2, day=5, hour=20)
    world.attendance(3, 2, event=1, day=5, hour=20)
    world.score()
    world.attendance(4, 1, event=1, day=3, hour=20)
    world.score()
    before, now = world.changes()
    assert before == {("attendance", 1, 1, "awarded", 15)}
    assert now == {("attendance", 1, 1, "duplicate_act", 0), ("attendance", 4, 1, "awarded", 15)}
