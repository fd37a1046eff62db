"""Exports in which every table has one row of each member, and what those rows are called once erased."""

import datetime as dt
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from conftest import uid, write_rows
from golden.world import erased

from orchestration.build.manifest import export_tables
from orchestration.raw.contract import Column, Table

TABLES = export_tables()
KINDS = {name: kind for kind, name in enumerate(TABLES, start=100)}
OWNED = {name for name, table in TABLES.items() if table.owners}
MEMBER = 70  # a kind of id that is in no other test, which dbt's artefacts would hold
NIGHTS = [dt.date(2026, 3, day) for day in range(1, 6)]
Row = dict[str, Any]


def value(table: Table, column: Column, number: int) -> Any:
    """A value the contract takes: of row `number`, which is member `number`'s."""
    if column.name in table.key:
        return uid(MEMBER, number) if table.is_members else uid(KINDS[table.name], number)
    if column.member == "list":
        return json.dumps([uid(MEMBER, other) for other in (number, number + 1, 99)])
    if column.member:
        return uid(MEMBER, number)
    if column.refers_to:
        return uid(KINDS[column.refers_to], number)
    if column.accepted_values:
        return column.accepted_values[0]
    plain = {
        "uuid": uid(2, 1), "varchar": "text", "integer": 3, "double": 1.5, "boolean": True, "json": "{}",
        "timestamp": f"{NIGHTS[0]} 10:00:00",
    }  # fmt: skip
    return plain[column.data_type]


def rows_of(name: str, members: Iterable[int]) -> list[Row]:
    """A row of each of these members, without what is kept only in a form."""
    table = TABLES[name]
    columns = [column for column in table.columns if not column.kept_as]
    return [{c.name: value(table, c, number) for c in columns} for number in members]


def deliver(
    exports_dir: Path, night: dt.date, members: Iterable[int], tables: Iterable[str] = TABLES
) -> None:
    """A night of tables, with a row of each of these members in each."""
    for name in tables:
        write_rows(exports_dir, name, night, rows_of(name, members))


def replaced(text: str, ids: Iterable[str]) -> str:
    """A text in which every one of the ids is its pseudonym: Python's own HMAC, and plain replacement."""
    for identifier in ids:
        text = text.replace(identifier, erased(identifier))
    return text


def ids_of(member: int) -> list[str]:
    """A member's id, and those of the rows that are theirs."""
    return [uid(MEMBER, member), *(uid(KINDS[name], member) for name in OWNED if not TABLES[name].is_members)]


def named(text: str, ids: Iterable[str]) -> list[str]:
    """Which of the ids a text holds."""
    return [identifier for identifier in ids if identifier in text]
