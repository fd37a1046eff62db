"""How a value is held against the contract, in SQL: what it is turned into, and what may be wrong with it."""

import datetime as dt
from dataclasses import dataclass

from orchestration.database import literal, quoted
from orchestration.lists import LISTS
from orchestration.raw.contract import Column, Table
from orchestration.raw.json_text import is_json, json_path
from orchestration.raw.kept import FORMS

YEAR = r"(\d{3}[1-9]|\d\d[1-9]0|\d[1-9]00|[1-9]000)"  # any year but 0000, which never existed
TYPE_PATTERNS = {
    "uuid": "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "integer": r"[+-]?\d+(\.0+)?",
    "double": r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?",
    "boolean": "t|f|true|false",
    "timestamp": rf"{YEAR}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(Z|[+]00(:?00)?)?",
}
# Of these types, a value written back as text matches its pattern. To compare it with the text that was
# delivered is faster than to match the pattern.
WRITTEN_BACK = {"uuid", "integer"}
# An offending value is shown only if it is short and plain, because any column may hold an e-mail, a hash or
# a text.
SHOWABLE = r"[\w .:,+/-]{0,60}"
# In a column of personal texts, a text that matches this is replaced by one that says so.
PERSONAL_TEXT = "|".join(
    entry["pattern"] for entry in LISTS["personal"] if entry["applies_to"] in ("text", "delivered")
)
WITHHELD = "(withheld)"
STORED_TYPES = {"json": "varchar"}


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


def checks_of(table: Table, night: dt.date) -> list[Check]:
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


def is_cast(column: Column) -> bool:
    """Whether what is kept of a column is its text cast to the type of the contract."""
    return not column.kept_as and column.data_type in TYPE_PATTERNS


def is_made_once(column: Column) -> bool:
    """Whether what is kept of a column is to be made once of each of its texts."""
    return bool(column.kept_as) and FORMS[column.kept_as].once


def typed(column: Column, text: str, cast: str) -> str:
    """The SQL that turns the text of a value into what is kept of it, or into null if it is no such value.

    `cast` is the text cast to the type of the contract, for columns of which `is_cast` holds.
    """
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
    fits = f" and isfinite({cast})" if column.data_type == "double" else ""
    usual = f"when {cast}::varchar = {text} then {cast} " if column.data_type in WRITTEN_BACK else ""
    return f"case {usual}when regexp_full_match({text}, {pattern}){fits} then {cast} end"


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
