"""Reads a part once, by as many threads as may, and judges every row of it."""

import datetime as dt
from collections.abc import Callable

import duckdb

from orchestration.database import literal, one_row, one_thread, quoted
from orchestration.raw.check import (
    SHOWABLE,
    Check,
    checks_of,
    is_any_text,
    is_cast,
    is_made_once,
    row_hash,
    typed,
)
from orchestration.raw.contract import Table
from orchestration.raw.kept import FORMS
from orchestration.raw.source import Source

REPEATED = 4  # A text is worth making something of only once if it comes so often on average.


def judge_rows(
    connection: duckdb.DuckDBPyConnection, table: Table, night: dt.date, source: Source
) -> tuple[int, int]:
    """Leave the temporary view `checked`, and return how many rows and problems it has; see `read_part`.

    It looks at the table `judged`. A table that is made of a part keeps the order of the part, also if all
    threads make it; so the place of a row in it is its number.
    """
    checks = checks_of(table, night)
    _read(connection, source, _texts(table, source), _judged(table, checks))
    kept, joins = _kept(connection, table)
    columns = " ".join(f"when {n} then {literal(check.column.delivered)}" for n, check in enumerate(checks))
    reasons = " ".join(f"when {n} then {literal(check.reason)}" for n, check in enumerate(checks))
    connection.execute(
        f"""
        create or replace temp view checked as
        select
            *, {row_hash(table)} as row_hash,
            case problem {columns} end as column_name, case problem {reasons} end as reason
        from (
            select {", ".join(kept)}, judged.rowid + 1 as row_number, problem, value from judged {joins}
        )
        """
    )
    rows, problems = one_row(connection, "select count(*), count(problem) from judged")
    return rows, problems


def _read(
    connection: duckdb.DuckDBPyConnection, source: Source, texts: str, judged: Callable[[str], str]
) -> None:
    """Leave the temporary table `judged`, read by as many threads as may read the part."""
    make = "create or replace temp table judged as"
    if source.at_once:
        try:
            connection.execute(f"{make} {judged(f'select {texts} from {source.at_once}')}")
            if one_row(connection, "select count(*) from judged") == (source.records,):
                return
        except (duckdb.Error, UnicodeDecodeError):
            pass  # One thread finds the place, and needs less memory.
    delivered = f"select {texts} from {source.relation}"
    if not source.in_turn:
        connection.execute(f"{make} {judged(delivered)}")
        return
    with one_thread(connection):
        connection.execute(f"create or replace temp table texts as {delivered}")
    connection.execute(f"{make} {judged('from texts')}")
    connection.execute("drop table texts")


def _texts(table: Table, source: Source) -> str:
    """The columns that are selected from a source: the text of each value, and whether it is none."""
    texts = [
        f"{source.columns.get(c.delivered, 'null::varchar')} as text_{i}" for i, c in enumerate(table.columns)
    ]
    texts += [
        f"{source.no_text.get(c.delivered, 'false')} as no_text_{i}"
        for i, c in enumerate(table.columns)
        if is_any_text(c)
    ]
    return ", ".join(texts)


def _judged(table: Table, checks: list[Check]) -> Callable[[str], str]:
    """The SQL that makes `judged` of the texts that a query selects.

    It holds what is kept of each value, or its text if something is to be made of it once; the number of the
    first problem; and the value if it may be shown.
    """
    columns = list(enumerate(table.columns))
    casts = [f"try_cast(text_{i} as {c.data_type}) as cast_{i}" for i, c in columns if is_cast(c)]
    values = [
        f"{typed(c, f'text_{i}', f'cast_{i}')} as {quoted(c.name)}" for i, c in columns if not is_made_once(c)
    ]
    names = [f"text_{i}" if is_made_once(c) else quoted(c.name) for i, c in columns]
    problem = " ".join(f"when {check.fails} then {n}" for n, check in enumerate(checks))
    shown = " ".join(
        f"when {n} then text_{check.position}"
        for n, check in enumerate(checks)
        if not (check.column.personal or check.column.kept_as)
    )
    rest = f"""
        cast_texts as (select {", ".join(["*", *casts])} from delivered),
        typed as (select {", ".join(["*", *values])} from cast_texts),
        numbered as (select *, case {problem} end as problem from typed),
        marked as (select *, case problem {shown or "when -1 then null::varchar"} end as shown from numbered)
        select
            {", ".join(names)}, problem,
            case when regexp_full_match(shown, {literal(SHOWABLE)}) then shown end as value
        from marked
    """
    return lambda delivered: f"with delivered as ({delivered}), {rest}"


def _kept(connection: duckdb.DuckDBPyConnection, table: Table) -> tuple[list[str], str]:
    """What is kept of each column of `judged`, in SQL, and the tables to join for it."""
    kept, joins = [], ""
    for i, column in enumerate(table.columns):
        name, text = quoted(column.name), f"text_{i}"
        if not is_made_once(column):
            kept.append(name)
            continue
        value = FORMS[column.kept_as].kept(text)
        texts, different = one_row(
            connection, f"select count({text}), approx_count_distinct({text}) from judged"
        )
        if texts > REPEATED * different:
            connection.execute(
                f"""
                create or replace temp table made_{i} as
                select {text}, {value} as made from (select distinct {text} from judged)
                """
            )
            joins += f" left join made_{i} using ({text})"
            value = f"made_{i}.made"
        kept.append(f"{value} as {name}")
    return kept, joins
