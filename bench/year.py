"""The exports of a year, and of four nights after it."""

import datetime as dt
import shutil
from collections.abc import Iterable
from pathlib import Path

import duckdb

from orchestration.database import literal
from orchestration.sample import LAST_NIGHT, SampleSize, write_sample

# Each brings its own day beside what it is named for.
AFTER = ("quiet", "late", "corrected", "departed")
HISTORY = LAST_NIGHT - dt.timedelta(days=len(AFTER))
LATE_BY = dt.timedelta(days=200)
HELD_BACK = ("track_engagements", "signal_actions")
OF_EVERY_DAY = (*HELD_BACK, "track_votes", "follows")


def night_of(kind: str) -> dt.date:
    """The night of this kind."""
    return HISTORY + dt.timedelta(days=1 + AFTER.index(kind))


def write_year(folder: Path, engagements: int, form: str) -> Path:
    """Write the exports of a platform with about that many engagements and a tenth as many acts.

    From a million engagements on it has 200,000 members, 500 scenes and 2,000 artists: its history grows.
    The first night delivers 365 days, but for one of them. Nobody leaves before the last night.
    """
    shutil.rmtree(folder, ignore_errors=True)
    size = SampleSize(
        members=min(200_000, max(400, engagements // 5)),
        scenes=min(500, max(8, engagements // 2_000)),
        tracks=min(10_000, max(120, engagements // 100)),
        engagements=engagements,
        actions=engagements // 10,
        nights=1 + len(AFTER),
        history_days=364,
    )
    draft = folder / "draft"
    write_sample(draft, size, formats=(form,))
    with duckdb.connect() as connection:
        _nobody_leaves(connection, draft, form)
        for table in HELD_BACK:
            _hold_back(connection, draft, table, folder, form)
    return draft.rename(folder / "exports")


def spread(folder: Path, form: str) -> None:
    """Let what happened in the year arrive in as many nights as it has days, instead of in the first."""
    exports, draft = folder / "exports", folder / "by day"
    with duckdb.connect() as connection:
        for table in OF_EVERY_DAY:
            history = _parts(exports, table, HISTORY, form)
            day = f'least("createdAt"::timestamp::date, {literal(HISTORY.isoformat())}::date)'
            days = f"select *, {day} as day from {history}"
            connection.execute(f"copy ({days}) to {literal(draft)} ({_options(form)}, partition_by (day))")
            shutil.rmtree(exports / table / HISTORY.isoformat())
            for folder_of_day in draft.iterdir():
                night = exports / table / folder_of_day.name.removeprefix("day=")
                night.mkdir()
                for number, part in enumerate(sorted(folder_of_day.iterdir())):
                    part.rename(night / f"part-{number:04}.{form}")
            shutil.rmtree(draft)


def deliver(folder: Path, kind: str, form: str) -> None:
    """What arrives with a night beside its own day."""
    exports = folder / "exports"
    with duckdb.connect() as connection:
        if kind == "late":
            for table in HELD_BACK:
                shutil.move(folder / "held back" / table, exports / table / _long_ago().isoformat())
        elif kind == "corrected":
            votes = _parts(exports, "track_votes", night_of("late"), form)
            query = f"from {votes} where id <> (select min(id) from {votes})"
            _write(connection, query, exports / "track_votes" / night_of("late").isoformat(), form)
        elif kind == "departed":
            users = _parts(exports, "users", night_of("departed"), form)
            query = f"from {users} where id <> (select min(id) from {users})"
            _write(connection, query, exports / "users" / night_of("departed").isoformat(), form)


def as_csv(exports: Path, folder: Path, tables: Iterable[str]) -> Path:
    """The first night of some tables of exports in Parquet, as exports in CSV."""
    with duckdb.connect() as connection:
        for table in tables:
            night = folder / table / HISTORY.isoformat()
            night.mkdir(parents=True)
            parts = _parts(exports, table, HISTORY, "parquet")
            connection.execute(f"copy (from {parts}) to {literal(night / 'part-0000.csv')} (header)")
    return folder


def _long_ago() -> dt.date:
    return night_of("late") - LATE_BY


def _parts(exports: Path, table: str, night: dt.date, form: str) -> str:
    pattern = f"'{exports / table / night.isoformat()}/part-*.{form}'"
    return f"read_parquet({pattern})" if form == "parquet" else f"read_csv({pattern}, all_varchar = true)"


def _write(connection: duckdb.DuckDBPyConnection, query: str, folder: Path, form: str) -> None:
    """Put one part in the place of those in a folder."""
    connection.execute(f"create or replace temp table delivered as {query}")
    folder.mkdir(parents=True, exist_ok=True)
    for part in folder.glob("part-*"):
        part.unlink()
    connection.execute(f"copy delivered to '{folder}/part-0000.{form}' ({_options(form)})")


def _options(form: str) -> str:
    return "format parquet" if form == "parquet" else "format csv, header"


def _nobody_leaves(connection: duckdb.DuckDBPyConnection, exports: Path, form: str) -> None:
    before = _parts(exports, "users", HISTORY, form)
    for kind in AFTER:
        night = _parts(exports, "users", night_of(kind), form)
        query = f"from {night} union all (from {before} where id not in (select id from {night}))"
        _write(connection, query, exports / "users" / night_of(kind).isoformat(), form)


def _hold_back(
    connection: duckdb.DuckDBPyConnection, exports: Path, table: str, folder: Path, form: str
) -> None:
    """Take a day long ago out of the first night."""
    of_that_day = f""""createdAt"::timestamp::date = '{_long_ago()}'"""
    history = _parts(exports, table, HISTORY, form)
    _write(connection, f"from {history} where {of_that_day}", folder / "held back" / table, form)
    _write(connection, f"from {history} where not {of_that_day}", exports / table / HISTORY.isoformat(), form)
