"""The contract of the exports, read from the dbt source definitions: tables, columns, checks of rows."""

import hashlib
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Column:
    """A column that is kept; of JSON with `keep_ids`, only the ids under those keys, or (`*`) in a list.

    `member` says how it names members: `owner` (the row is theirs), `reference` (the row is the community's)
    or `list` (a JSON list of members). `refers_to` names the table of owned rows whose ids it holds.
    `kept_as` is the form in which it keeps something of the column `delivered_as`, which is not kept itself.
    """

    name: str
    data_type: str
    nullable: bool
    accepted_values: tuple[str, ...]
    personal: bool
    keep_ids: tuple[str, ...] = ()
    member: str = ""
    refers_to: str = ""
    kept_as: str = ""
    delivered_as: str = ""

    @property
    def delivered(self) -> str:
        """The name of the column in the exports."""
        return self.delivered_as or self.name


@dataclass(frozen=True)
class RowCheck:
    """A condition over several columns; `column` is named when it does not hold."""

    column: str
    expression: str
    reason: str


@dataclass(frozen=True)
class Table:
    """The contract of one export table.

    `holds_acts` says that its rows are acts of members, and that their order can decide who earns points.
    """

    name: str
    description: str
    kind: str
    key: tuple[str, ...]
    event_time: str | None
    required: bool
    guard_departures: bool
    columns: tuple[Column, ...]
    row_checks: tuple[RowCheck, ...]
    holds_acts: bool = False

    @property
    def fingerprint(self) -> str:
        """A hash that changes if nights read under this contract must be read again."""
        reads = (self.kind, self.key, self.event_time, self.guard_departures, self.columns, self.row_checks)
        return hashlib.sha256(repr(reads).encode()).hexdigest()[:16]

    @property
    def owners(self) -> tuple[str, ...]:
        """The columns that name the member a row belongs to."""
        return tuple(column.name for column in self.columns if column.member == "owner")

    @property
    def is_members(self) -> bool:
        """Whether a row is a member."""
        return any(column.member == "owner" and column.name in self.key for column in self.columns)

    @property
    def erasable(self) -> tuple[Column, ...]:
        """The columns that may hold the id of a member, or of a row that belongs to one."""
        return tuple(
            column
            for column in self.columns
            if column.member or column.refers_to or (self.owners and column.name in self.key)
        )


def contract(manifest: dict[str, Any]) -> dict[str, Table]:
    """The contracted tables by name, from the sources of a dbt manifest."""
    tables = {}
    for source in manifest["sources"].values():
        meta = source["config"]["meta"]
        if "kind" not in meta:
            continue
        tables[source["name"]] = Table(
            name=source["name"],
            description=source["description"],
            kind=meta["kind"],
            key=tuple(meta["key"]),
            event_time=meta.get("event_time"),
            required=meta.get("required", False),
            guard_departures=meta.get("guard_departures", False),
            columns=tuple(_column(column) for column in source["columns"].values()),
            row_checks=tuple(RowCheck(**check) for check in meta.get("row_checks", [])),
            holds_acts=meta.get("holds_acts", False),
        )
    return dict(sorted(tables.items()))


def _column(column: dict[str, Any]) -> Column:
    meta = column["config"]["meta"]
    return Column(
        name=column["name"],
        data_type=column["data_type"],
        nullable=meta.get("nullable", False),
        accepted_values=tuple(meta.get("accepted_values", ())),
        personal=meta.get("personal", False),
        keep_ids=tuple(meta.get("keep_ids", ())),
        member=meta.get("member", ""),
        refers_to=meta.get("refers_to", ""),
        kept_as=meta.get("kept_as", ""),
        delivered_as=meta.get("delivered_as", ""),
    )
