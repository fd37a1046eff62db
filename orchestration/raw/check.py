"""Holds every value of a part against the contract, in SQL."""

import datetime as dt
from dataclasses import dataclass

import duckdb

from orchestration.database import literal, quoted
from orchestration.lists import LISTS
from orchestration.raw.contract import Column, Table
from orchestration.raw.json_text import is_json, json_path
from orchestration.raw.kept import FORMS
from orchestration.raw.source import Source

YEAR = r"(\d{3}[1-9]|\d\d[1-9]0|\d[1-9]00|[1-9]000)"  # any year but 0000, which never existed
TYPE_PATTERNS = {
    "uuid": "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "integer": r"[+-]?\d+(\.0+)?",
    "double": r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?",
    "boolean": "t|f|true|false",
    "timestamp": rf"{YEAR}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(Z|[+]00(:?00)?)?",
}
# An offending value is shown only if it is short and plain, because any column may hold an e-mail, a hash or
# a text.
SHOWABLE = r"[\w .:,+/-]{0,60}"
# In a column of personal texts, a text that matches this is replaced by one that says so.
PERSONAL_TEXT = "|".join(
    entry["pattern"] for entry in LISTS["personal"] if entry["applies_to"] in ("text", "delivered")
)
WITHHELD = "(withheld)"
STORED_TYPES = {"json": "varchar"}


def check_rows(connection: duckdb.DuckDBPyConnection, table: Table, night: dt.date, source: Source) -> None:
    """Leave the temporary table `checked`; see `read_part`."""
    checks = _checks(table, night)
    texts = [
        f"{source.columns.get(c.delivered, 'null::varchar')} as text_{i}" for i, c in enumerate(table.columns)
    ]
    texts += [
        f"{source.no_text.get(c.delivered, 'false')} as no_text_{i}"
        for i, c in enumerate(table.columns)
        if is_any_text(c)
    ]
    typed = [f"{_typed(c, f'text_{i}')} as {quoted(c.name)}" for i, c in enumerate(table.columns)]
    problem = " ".join(f"when {check.fails} then {n}" for n, check in enumerate(checks))
    shown = " ".join(
        f"when {n} then text_{check.position}"
        for n, check in enumerate(checks)
        if not (check.column.personal or check.column.kept_as)
    )
    columns = " ".join(f"when {n} then {literal(check.column.delivered)}" for n, check in enumerate(checks))
    reasons = " ".join(f"when {n} then {literal(check.reason)}" for n, check in enumerate(checks))
    names = [quoted(c.name) for c in table.columns]
    connection.execute(
        f"""
        create or replace temp table checked as
        with delivered as (
            select {", ".join(texts)}, row_number() over () as row_number from {source.relation}
        ),
        typed as (select *, {", ".join(typed)} from delivered),
        judged as (select *, case {problem} end as problem from typed)
        select
            {", ".join(names)}, row_number, {row_hash(table)} as row_hash, problem,
            case problem {columns} end as column_name, case problem {reasons} end as reason,
            case when regexp_full_match(shown, {literal(SHOWABLE)}) then shown end as value
        from (select *, case problem {shown or "when -1 then null"} end as shown from judged)
        """
    )


def row_hash(table: Table) -> str:
    """The SQL of a hash of the contract's columns; two deliveries of a row are the same if it is the same."""
    hashed = ", ".join(f"coalesce({quoted(column.name)}::varchar, chr(30))" for column in table.columns)
    return f"md5(concat_ws(chr(31), {hashed}))::uuid"


@dataclass(frozen=True)
class Check:
    """A condition under which a row is rejected."""

    position: int
    column: Column
    fails: str
    reason: str


def _checks(table: Table, night: dt.date) -> list[Check]:
    """Every check of a table, in the order in which each row must pass them."""
    checks = []
    for i, column in enumerate(table.columns):
        text, typed = f"text_{i}", quoted(column.name)
        if not column.nullable:
            checks.append(Check(i, column, f"{text} is null", "is null"))
        if is_any_text(column):
            checks.append(Check(i, column, f"no_text_{i}", "is not of type varchar"))
        if reason := _unread(column):
            checks.append(Check(i, column, f"{text} is not null and {typed} is null", reason))
        if column.accepted_values:
            accepted = ", ".join(literal(value) for value in column.accepted_values)
            reason = f"is not one of {', '.join(column.accepted_values)}"
            checks.append(Check(i, column, f"{typed} not in ({accepted})", reason))
        if column.name == table.event_time:
            end = literal(night + dt.timedelta(days=1))
            fails = f"{typed} >= {end}::timestamp"
            checks.append(Check(i, column, fails, "lies after the end of its night"))
    for row_check in table.row_checks:
        i, column = next((i, c) for i, c in enumerate(table.columns) if c.name == row_check.column)
        checks.append(Check(i, column, f"not ({row_check.expression})", row_check.reason))
    return checks


def is_any_text(column: Column) -> bool:
    """Whether a column is delivered as text without a closed set of values."""
    data_type = FORMS[column.kept_as].of if column.kept_as else column.data_type
    return data_type == "varchar" and not column.accepted_values


def _unread(column: Column) -> str:
    """Why a row is rejected if its text cannot be turned into what is kept; empty if any text can be."""
    takes_any = column.kept_as or column.data_type == "varchar"
    return "" if takes_any else f"is not of type {column.data_type}"


def _typed(column: Column, text: str) -> str:
    """The SQL that turns the text of a value into what is kept of it, or into null if it is no such value."""
    if column.kept_as:
        form = FORMS[column.kept_as]
        if form.of == "varchar":
            return form.kept(text)
        pattern = literal(TYPE_PATTERNS[form.of])
        return f"case when regexp_full_match({text}, {pattern}) then {form.kept(text)} end"
    if column.data_type == "varchar":
        if not column.personal:
            return text
        is_personal = f"regexp_matches(lower({text}), {literal(PERSONAL_TEXT)})"
        return f"case when {is_personal} then {literal(WITHHELD)} else {text} end"
    if column.data_type == "json":
        return f"case when {is_json(text)} then {_kept(column, text)} end"
    pattern = literal(TYPE_PATTERNS[column.data_type])
    value = f"try_cast({text} as {column.data_type})"
    fits = f" and isfinite({value})" if column.data_type == "double" else ""
    return f"case when regexp_full_match({text}, {pattern}){fits} then {value} end"


def _kept(column: Column, text: str) -> str:
    """The SQL of the part of a JSON text that is kept."""
    if column.keep_ids == ("*",):
        identifier = "try_cast(element as uuid)"
        elements = f"json_extract_string({text}, '$[*]')"
        return f"to_json([{identifier} for element in {elements} if {identifier} is not null])::varchar"
    ids = [
        f"{literal(key)}, try_cast(json_extract_string({text}, {literal(json_path(key))}) as uuid)"
        for key in column.keep_ids
    ]
    return f"json_object({', '.join(ids)})::varchar" if ids else text
