"""Random changes to a world's raw tables, seeds and deliveries, and the search for one that had an effect."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import worlds
from worlds import TABLES, World, ancestors

from orchestration.database import literal

KINDS = ("add", "delete", "alter", "duplicate", "re-time", "deliver less", "refuse")
POLICY = {
    "point_rule": {
        "add": "insert into point_rule select * replace ('made up' as policy_version, {day} as valid_from, "
        "{number} as points) from point_rule {some}",
        "delete": "delete from point_rule where rowid in (select rowid from point_rule {some})",
        "alter": "update point_rule set points = {number}, daily_cap_points = abs({number}) * 2, "
        "cap_per_source = abs({number}), response_window_hours = abs({number}) "
        "where rowid in (select rowid from point_rule {some})",
        "duplicate": "insert into point_rule from point_rule {some}",
        "re-time": "update point_rule set valid_from = {day}, valid_to = {day} + 30 "
        "where rowid in (select rowid from point_rule {some})",
    },
    "score_policy": {
        "add": "insert into score_policy values ('made up', 1 + abs({number}), 'year', {day}, null, '')",
        "delete": "delete from score_policy where rowid in (select rowid from score_policy {some})",
        "alter": "update score_policy set half_life_days = 1 + abs({number}), season_length = 'quarter'",
        "duplicate": "insert into score_policy from score_policy {some}",
        "re-time": "update score_policy set valid_from = {day}",
    },
}


@dataclass(frozen=True)
class Mutation:
    """One change of one table: which rows, and to what, follows from the number."""

    table: str
    kind: str
    number: int

    def apply(self, connection: duckdb.DuckDBPyConnection) -> int:
        """Make the change; returns how many rows it touched."""
        statement = self._of_policy() if self.table in POLICY else self._of_export()
        done = connection.execute(statement).fetchone()
        return done[0] if done else 0

    def _of_policy(self) -> str:
        return POLICY[self.table][self.kind].format(
            number=self.number % 2001 - 1000,
            day=f"date '2025-06-01' + {self.number % 300}",
            some=self._some("valid_from", 1 + self.number % 3),
        )

    def _of_export(self) -> str:
        table, name = TABLES[self.table], f"raw.{self.table}"
        rows = f"(select rowid from {name} {self._some('id', 1 + self.number % 7)})"
        fresh = f"md5(id::varchar || row_hash::varchar || '{self.number}')::uuid"
        if self.kind == "deliver less":
            return f"delete from raw.delivered where table_name = '{self.table}' and {self._night()}"
        if self.kind == "refuse":
            return (
                "update raw.delivered set status = 'refused', rows_rejected = coalesce(rows_rejected, 0) + 1 "
                f"where table_name = '{self.table}' and {self._night()}"
            )
        if self.kind == "delete":
            return f"delete from {name} where rowid in {rows}"
        if self.kind == "duplicate":
            again = f"'part-0099.csv' as part, {self.number} as row_number"
            return f"insert into {name} select * replace ({again}) from {name} where rowid in {rows}"
        times = [column.name for column in table.columns if column.data_type == "timestamp"]
        others = [column for column in table.columns if column.name not in {*table.key, *times}]
        if self.kind == "re-time":
            by = f"interval ({self.number % 20_000 - 10_000}) minute"
            changes = {time: f'"{time}" + {by}' for time in times}
        else:
            changes = {column.name: self._another(column.name) for column in others[self.number % 3 :: 3]}
        if self.kind == "add":
            replaced = ", ".join(
                f'{value} as "{column}"'
                for column, value in {**changes, "id": fresh, "row_hash": fresh}.items()
            )
            return f"insert into {name} select * replace ({replaced}) from {name} where rowid in {rows}"
        assigned = ", ".join(
            f'"{column}" = {value}' for column, value in {**changes, "row_hash": fresh}.items()
        )
        return f"update {name} set {assigned} where rowid in {rows}"

    def _another(self, column: str) -> str:
        """The value some other row has in a column."""
        return f'(select "{column}" from raw.{self.table} {self._some("row_hash", 1)})'

    def _night(self) -> str:
        nights = f"select night from raw.delivered where table_name = '{self.table}'"
        return f"night = ({nights} {self._some('night', 1)})"

    def _some(self, column: str, rows: int) -> str:
        """Some rows, always the same ones for this number."""
        return f"order by md5({column}::varchar || {literal(self.number)}), {column} limit {rows}"


def random_mutations(
    world: World, rng: np.random.Generator, tables: Sequence[str], count: int
) -> list[Mutation]:
    """So many changes, each of which touches something."""
    found: list[Mutation] = []
    while len(found) < count:
        table = str(rng.choice(tables))
        kinds = list(POLICY[table]) if table in POLICY else KINDS
        mutation = Mutation(table, str(rng.choice(kinds)), int(rng.integers(1, 1_000_000)))
        with world.undone():
            if mutation.apply(world.connection):
                found.append(mutation)
    return found


def changed(
    world: World,
    mutations: Sequence[Mutation],
    models: Collection[str],
    planted: dict[str, str] | None = None,
) -> dict[str, int]:
    """How many rows of these models the changes change together; `before` has them as they were.

    Only what these models and those planted are made of is built: the others have no say.
    """
    planted = planted or {}
    read = [name for name in worlds.models() if any(name in sql for sql in planted.values())]
    with world.undone():
        for mutation in mutations:
            mutation.apply(world.connection)
        world.build(ancestors(*models, *read), planted=planted)
        return world.differing("before", models)


def culprits(
    world: World,
    mutations: Sequence[Mutation],
    models: Collection[str],
    planted: dict[str, str] | None = None,
) -> list[Mutation]:
    """The changes that change these models, halved as long as one half does it alone; empty if none does."""
    suspects = list(mutations)
    if not changed(world, suspects, models, planted):
        return []
    while len(suspects) > 1:
        middle = len(suspects) // 2
        guilty = next(
            (
                half
                for half in (suspects[:middle], suspects[middle:])
                if changed(world, half, models, planted)
            ),
            None,
        )
        if guilty is None:
            break
        suspects = guilty
    return suspects
