"""A large part is read by all threads where that is safe, and gives what one thread reads of it."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import uid
from ingesting import House, act, as_csv, in_format, march, parquet

from orchestration.raw import csv_source, judge, read, source
from orchestration.raw.csv_source import csv_source as csv_source_of
from orchestration.raw.refuse import RefusedError
from orchestration.raw.source import Source

ROWS = 24_000
BAD = {7: "type = 'x'", 9_000: "userId is null", 23_999: "id = '17'"}
HEADER = "id,type,userId,signalId,createdAt\n"


@pytest.fixture
def in_turn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every part is large, and a thread takes as little as DuckDB allows; notes what one thread reads."""
    monkeypatch.setattr(csv_source, "LARGE", 1)
    monkeypatch.setattr(csv_source, "BUFFER", 2_000_000)
    noted, one_thread = [], judge.one_thread

    def noting(connection: duckdb.DuckDBPyConnection) -> AbstractContextManager[None]:
        noted.append("in turn")
        return one_thread(connection)

    monkeypatch.setattr(judge, "one_thread", noting)
    return noted


def changed(monkeypatch: pytest.MonkeyPatch, change: Callable[[Source], Source]) -> None:
    """Sources are read as if they were others."""
    others = {kind: lambda *given, make=make: change(make(*given)) for kind, make in read.SOURCES.items()}
    monkeypatch.setattr(read, "SOURCES", others)


def deliver(house: House, fmt: str, note: str = "") -> None:
    """A night of many acts, a few of them bad."""
    options = {
        "csv": "format csv, header, force_quote (type)", "jsonl": "format json",
        "parquet": "format parquet, row_group_size 4096",
    }[fmt]  # fmt: skip
    target = house.deliver("signal_actions", 1, b"", f"part-0000.{fmt}")
    with duckdb.connect() as connection:
        connection.execute(
            f"""
            copy (
                select
                    if(n = 23_999, '17', md5('id' || n)::uuid::varchar) as id,
                    if(n = 7, 'x', 'ADD') as type,
                    if(n = 9_000, null, md5('user' || n % 99)::uuid::varchar) as "userId",
                    md5('signal' || n % 999)::uuid::varchar as "signalId",
                    timestamp '2026-03-01' + to_milliseconds(n) as "createdAt",
                    '{note}' || n as note
                from range(1, {ROWS} + 1) as numbers (n)
            ) to '{target}' ({options})
            """  # noqa: S608
        )


def everything(house: House) -> list[list[tuple[Any, ...]]]:
    """All that is kept of the night, in the order of its rows."""
    folder = house.folder("signal_actions", 1)
    return [
        parquet(folder / name, "select *", "order by row_number")
        for name in ("rows.parquet", "rejected.parquet")
    ]


@pytest.mark.parametrize("fmt", ["csv", "jsonl", "parquet"])
def test_all_threads_read_what_one_thread_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_turn: list[str], fmt: str
) -> None:
    house = House(tmp_path, "signal_actions")
    deliver(house, fmt)
    (outcome,) = house.ingest()
    assert (outcome.action, outcome.rows, outcome.rejected) == ("accepted", ROWS, 3)
    assert [row[3] for row in house.rejected("signal_actions", 1)] == [7, 9_000, 23_999]
    assert in_turn == []
    at_once = everything(house)
    moments = [row[-1] for row in house.rows("signal_actions", 1, "row_number", "createdAt")]
    assert moments == sorted(moments)
    changed(monkeypatch, lambda source: replace(source, at_once=""))
    house.ingest(again=[march(1)])
    assert in_turn == ["in turn"]
    assert everything(house) == at_once


@pytest.mark.parametrize("fmt", ["csv", "jsonl", "parquet"])
def test_rows_that_all_threads_together_skip_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_turn: list[str], fmt: str
) -> None:
    house = House(tmp_path, "signal_actions")
    deliver(house, fmt)
    changed(
        monkeypatch,
        lambda source: replace(source, at_once=f"(from {source.at_once} limit {ROWS - 1})"),
    )
    (outcome,) = house.ingest()
    assert (outcome.rows, outcome.rejected) == (ROWS, 3)
    assert in_turn == ["in turn"]


def test_a_large_part_with_quoted_line_breaks_is_read_in_turn(tmp_path: Path, in_turn: list[str]) -> None:
    house = House(tmp_path, "signal_actions")
    deliver(house, "csv", "one line\n and another ")
    (outcome,) = house.ingest()
    assert (outcome.rows, outcome.rejected) == (ROWS, 3)
    assert [row[3] for row in house.rejected("signal_actions", 1)] == [7, 9_000, 23_999]
    assert in_turn == ["in turn"]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("x,y\n", "Expected Number of Columns: 6 Found: 2"),
        ("a,b,c,d,e,f,g\n", "Expected Number of Columns: 6 Found: 7"),
        ('"x"y,"",,,,\n', "unterminated quote"),
        ("x" * 3_000_000 + ",,,,,\n", "Maximum line size of 2000000 bytes exceeded"),
    ],
)
@pytest.mark.usefixtures("in_turn")
def test_in_a_large_part_too_a_broken_row_is_named_with_its_line(
    tmp_path: Path, row: str, problem: str
) -> None:
    house = House(tmp_path, "signal_actions")
    deliver(house, "csv")
    part = house.settings.exports_dir / "signal_actions" / "2026-03-01" / "part-0000.csv"
    lines = part.read_text().splitlines(keepends=True)
    part.write_text("".join([*lines[:20_000], row, *lines[20_000:]]))
    house.ingest()
    (refused,) = house.delivered("signal_actions", 1, ".refused")
    assert refused[2] == f"part-0000.csv cannot be read at line 20001: {problem}"


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", 0),
        (b"a,b\n", 1),
        (b'a,b\n"x","y, z"\n1,"say ""x"""\n"",\n', 4),
        (b'a,b\n"x\ny",2\n', 0),
        (b'a,b\n1,"x\n', 0),
        (b'a,b\n1,"x', 0),
        (b"a,b\r\n1,2\r\n", 0),
        (b'a,b\n1,"x\ry"\n', 0),
    ],
)
@pytest.mark.parametrize("chunk", [1, 2, 3, 1 << 20])
def test_lines_are_counted_where_each_is_a_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, lines: int, chunk: int
) -> None:
    monkeypatch.setattr(csv_source, "CHUNK", chunk)
    path = tmp_path / "part"
    path.write_bytes(content)
    assert csv_source._lines_that_are_records(path) == lines


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("ä\n🎸\nx\n".encode(), None),
        (b"ab\n\xc3\xa4\n\xf0\x9f\n", "at line 3: it is not UTF-8"),
        (b"ab\n\xc3\xa4\n\xf0\x9f", "at line 3: it is not UTF-8"),
        (b"ab\n\n\xc3\xa4\0\nx", "at line 3: it holds a NUL character"),
        (b"ab\n\xff\n\xc3\xa4\0", "at line 2: it is not UTF-8"),
    ],
)
@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 7, 1 << 20])
def test_text_is_judged_the_same_wherever_a_chunk_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, said: str | None, chunk: int
) -> None:
    monkeypatch.setattr(source, "CHUNK", chunk)
    path = tmp_path / "part"
    path.write_bytes(content)
    with nullcontext() if said is None else pytest.raises(RefusedError, match=f"part cannot be read {said}"):
        source.require_text(path, "part", {b"\0": source.NUL_FOUND})


def test_a_small_part_of_csv_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "part"
    path.write_bytes(as_csv([act(1)]))
    table = House(tmp_path, "signal_actions").tables["signal_actions"]
    with duckdb.connect() as connection:
        found = csv_source_of(connection, table, path, "part", 1 << 30)
    assert (found.at_once, found.in_turn) == ("", False)


@pytest.mark.parametrize("fmt", ["csv", "jsonl", "parquet"])
def test_sessions_that_are_repeated_are_hashed_as_others_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fmt: str
) -> None:
    rows = [
        {
            "id": uid(1, n), "userId": uid(2, n), "trackId": uid(3, n), "type": "full", "score": 3,
            "createdAt": "2026-03-01 10:00:00", "sessionId": None if n == 4 else uid(4, n % 3),
        } for n in range(24)
    ]  # fmt: skip
    found = []
    house = House(tmp_path, "track_engagements")
    house.deliver("track_engagements", 1, in_format(rows, fmt), f"part-0000.{fmt}")
    for repeated in (0, 100):
        monkeypatch.setattr(judge, "REPEATED", repeated)
        house.ingest(again=[march(1)])
        columns = ("row_number", "session_id", "row_hash", "id")
        found.append(house.rows("track_engagements", 1, *columns))
    assert found[0] == found[1]
    assert [row[1] is None for row in found[0]] == [n == 4 for n in range(24)]
    assert len({row[1] for row in found[0]}) == 4
