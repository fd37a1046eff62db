"""Whatever is delivered, nothing hangs, breaks or is lost silently, and all the other rows are there."""

import dataclasses
import datetime as dt
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from corpus import (
    CASES,
    CSV,
    DUPLICATES,
    FORMULA,
    MAX_UNPACKED_BYTES,
    NO_MANIFEST,
    SCRIPT,
    Accepted,
    Case,
    PassedOver,
    Refused,
    band,
    track,
)
from golden.world import warehouse
from ingesting import TABLES, House, as_csv, parquet

from orchestration.raw import check, csv_source, discover, ingest, read
from orchestration.raw.account import refusal
from orchestration.raw.discover import shown_name
from orchestration.sample import LAST_NIGHT, SMALLEST, write_sample

PROMISE = "No corrupt delivery is lost or breaks a run"
FIRST_NIGHT = dt.date(2025, 3, 1)
NIGHTS = {case.kind: FIRST_NIGHT + dt.timedelta(days=number) for number, case in enumerate(CASES)}
BY_KIND = {case.kind: case for case in CASES}
NOBODY = 65534
FEW = ("communities", "signals", "users")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, int]]:
    """Of every table one good file, and the rows it has."""
    folder = tmp_path_factory.mktemp("good")
    (night,) = write_sample(folder, SMALLEST, last_night=FIRST_NIGHT - dt.timedelta(days=1))
    files = {
        name: next((folder / name / str(night)).iterdir()) for name in TABLES if (folder / name).exists()
    }
    with duckdb.connect() as connection:
        return {
            name: (path, connection.execute("select count(*) from read_csv(?)", [str(path)]).fetchone()[0])
            for name, path in files.items()
        }


def judge(home: Path, case: Case, good: dict[str, tuple[Path, int]], beside: tuple[str, ...] = FEW) -> None:
    """A night of good tables and the case: what becomes of the case, and the rows of the others."""
    others = [name for name in beside if name != case.table]
    house = House(home, *others, case.table, max_unpacked_bytes=MAX_UNPACKED_BYTES)
    night = NIGHTS[case.kind]
    for name in others:
        shutil.copytree(good[name][0].parent, house.settings.exports_dir / name / str(night))
    case.deliver(house.settings.exports_dir, night)
    outcomes = {outcome.night.table: outcome for outcome in house.ingest()}
    found = outcomes.pop(case.table, None)
    assert {name: (o.action, o.rows, o.rejected) for name, o in outcomes.items()} == {
        name: ("accepted", good[name][1], 0) for name in others
    }
    for name in others:
        assert differing(good[name][0], house.settings.raw_dir / name / str(night), name) == []
    raw = house.settings.raw_dir / case.table
    match case.outcome:
        case PassedOver():
            assert found is None
            assert {path.name for path in raw.iterdir()} == {"empty"}
        case Refused():
            assert found and found.action == "refused"
            assert refusal(found) == reason(case)
            assert not (raw / str(night)).exists()
            books = parquet(raw / f"{night}.refused" / "delivered.parquet", "select distinct status, reason")
            assert books == [("refused", reason(case))]
        case Accepted():
            assert found and (found.action, found.rows) == ("accepted", case.outcome.rows)
            rejected = parquet(
                raw / str(night) / "rejected.parquet",
                "select row_number, column_name, reason, value",
                "order by part, row_number",
            )
            assert rejected == list(case.outcome.rejected)
            kept = parquet(raw / str(night) / "rows.parquet", "select count(*)")
            assert kept == [(case.outcome.rows - len(rejected),)]


def differing(part: Path, night: Path, table: str) -> list[tuple[Any, ...]]:
    """Rows that a delivered CSV has and raw has not, or the other way round.

    In every column that is kept as it is: not of JSON, of which ingestion keeps no more than ids.
    """
    with duckdb.connect() as connection:
        delivered = connection.execute(
            """
            select * from read_csv($1, all_varchar = true, header = true, allow_quoted_nulls = false)
            """,
            [str(part)],
        )
        named = {description[0] for description in delivered.description}
        columns = [c for c in TABLES[table].columns if not c.kept_as]
        kept = [c for c in columns if c.name in named and c.data_type != "json"]
        as_delivered = ", ".join(f'cast("{c.name}" as {c.data_type}) as "{c.name}"' for c in kept)
        names = ", ".join(f'"{c.name}"' for c in kept)
        return connection.execute(
            f"""
            with delivered as (
                select {as_delivered}
                from read_csv($part, all_varchar = true, header = true, allow_quoted_nulls = false)
            ),
            kept as (select {names} from read_parquet($rows) where part = $name)
            (from delivered except all from kept) union all (from kept except all from delivered)
            """,
            {"part": str(part), "rows": str(night / "rows.parquet"), "name": part.name},
        ).fetchall()


def reason(case: Case) -> str:
    """The sentence a case is refused with."""
    return case.outcome.reason.replace("{night}", str(NIGHTS[case.kind])).replace("{}", shown_name(case.name))


@pytest.mark.parametrize("kind", BY_KIND)
def test_every_kind_of_corrupt_delivery_has_its_outcome_and_the_other_tables_are_all_there(
    tmp_path: Path, kind: str, good: dict[str, tuple[Path, int]], long: bool
) -> None:
    judge(tmp_path, BY_KIND[kind], good, tuple(good) if long else FEW)


def test_the_corpus_is_tried(tried: Callable[[str, str, int], None]) -> None:
    assert len(BY_KIND) == len(CASES) >= 60
    tried(PROMISE, "kinds of corrupt deliveries, each beside good tables", len(CASES))


@pytest.mark.parametrize(
    "case", [case for case in CASES if isinstance(case.outcome, Refused)], ids=lambda c: c.kind
)
def test_every_reason_is_one_sentence_that_names_a_file(case: Case) -> None:
    said = reason(case)
    named = (shown_name(case.name), "_manifest.json", str(NIGHTS[case.kind]))
    assert any(name in said for name in named)
    assert said.isprintable()
    assert len(said) < 400


# All of it together, through the real job


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Every case on a night of its own, two good nights, and what the command made of them."""
    home = tmp_path_factory.mktemp("everything")
    write_sample(home / "exports", dataclasses.replace(SMALLEST, nights=2), last_night=LAST_NIGHT)
    for case in CASES:
        case.deliver(home / "exports", NIGHTS[case.kind])
    folder = home / "exports" / "artist_bands" / str(LAST_NIGHT)
    (folder / "part-9999.csv").write_bytes(as_csv([band(1, name=FORMULA), band(2, name=SCRIPT)]))
    said = warehouse(
        "run", "--exports-dir", home / "exports", "--warehouse-dir", home / "warehouse",
        MAX_UNPACKED_BYTES=str(MAX_UNPACKED_BYTES),
    )  # fmt: skip
    return home, said


def ask(home: Path, query: str) -> list[tuple[Any, ...]]:
    """Rows of the published file."""
    with duckdb.connect(str(home / "warehouse" / "analytics.duckdb"), read_only=True) as connection:
        return connection.sql(query).fetchall()


def test_a_run_over_everything_publishes_and_says_what_it_refused(
    published: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    _, said = published
    assert said.returncode == 4, said.stdout + said.stderr
    laws = [line for line in said.stdout.splitlines() if line.startswith("Law ")]
    assert len(laws) >= 5
    assert all(line.startswith("Law holds:") for line in laws), laws
    refusals = [case for case in CASES if isinstance(case.outcome, Refused)]
    assert said.stdout.count("Refused: ") == len(refusals)
    unwrapped = "".join(said.stdout.split())
    for case in refusals:
        line = f"Refused: {case.table} {NIGHTS[case.kind]}: {reason(case)}"
        assert "".join(line.split()) in unwrapped


def test_no_traceback_reaches_the_user_or_a_log(
    published: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    home, said = published
    assert "Traceback" not in said.stdout + said.stderr
    for path in (home / "warehouse").rglob("*"):
        if path.is_file() and path.suffix not in (".duckdb", ".parquet"):
            assert b"Traceback" not in path.read_bytes(), path


def test_the_published_account_tells_every_case_and_every_good_file(
    published: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    home, _ = published
    account = {
        (table, night): row
        for table, night, *row in ask(
            home,
            """
            select
                table_name, night, any_value(status), any_value(reason), sum(rows_delivered)::bigint,
                sum(rows_accepted + rows_duplicate + rows_superseded)::bigint, sum(rows_rejected)::bigint
            from row_account group by all
            """,
        )
    }
    for case in CASES:
        status, why, delivered, kept, rejected = account.get((case.table, NIGHTS[case.kind]), [None] * 5)
        match case.outcome:
            case PassedOver():
                assert status is None
            case Refused():
                assert (status, why) == ("refused", reason(case))
            case Accepted():
                bad = len(case.outcome.rejected)
                assert (status, delivered, kept, rejected) == (
                    "accepted", case.outcome.rows, case.outcome.rows - bad, bad,
                )  # fmt: skip
    found = dict(ask(home, "select concat_ws('/', table_name, night, part), rows_delivered from row_account"))
    good = [path for path in (home / "exports").glob("*/2026-*/part-*.csv") if path.parts[-3] in TABLES]
    assert len(good) >= 2 * 29
    for path in good:
        table, night, _ = path.parts[-3:]
        assert differing(path, home / "warehouse" / "raw" / table / night, table) == []
        with duckdb.connect() as connection:
            rows = connection.execute("select count(*) from read_csv(?)", [str(path)]).fetchone()[0]
        assert found["/".join(path.parts[-3:])] == rows


@pytest.mark.parametrize("kind", DUPLICATES)
def test_of_rows_of_one_key_the_last_word_stands_and_the_account_tells_the_others(
    published: tuple[Path, subprocess.CompletedProcess[str]], kind: str
) -> None:
    home, _ = published
    stands, account = DUPLICATES[kind]
    with duckdb.connect(str(home / "warehouse" / "warehouse.duckdb"), read_only=True) as connection:
        found = connection.execute(
            """
            select right(signal_action_id::varchar, 2)::integer, action_type, part
            from stg_signal_actions join row_account using (delivery_id) where night = $1
            """,
            [NIGHTS[kind]],
        ).fetchall()
    assert set(found) == stands
    assert len(found) == len(stands)
    said = ask(
        home,
        f"""
        select part, rows_delivered, rows_accepted, rows_duplicate, rows_superseded, rows_rejected
        from row_account where table_name = 'signal_actions' and night = '{NIGHTS[kind]}'
        """,
    )
    assert set(said) == account


def test_one_value_that_differs_one_row_more_and_one_less_are_found(
    tmp_path: Path, good: dict[str, tuple[Path, int]]
) -> None:
    part, count = good["users"]
    house = House(tmp_path, "users")
    night = NIGHTS["empty file"]
    shutil.copytree(part.parent, house.settings.exports_dir / "users" / str(night))
    house.ingest()
    raw = house.settings.raw_dir / "users" / str(night)
    assert differing(part, raw, "users") == []
    changed = {
        "value": "select * replace (if(row_number = 7, 'x', homeSceneCity) as homeSceneCity) from rows",
        "less": "select * from rows where row_number <> 7",
        "more": "select * from rows union all select * from rows where row_number = 7",
    }
    for name, change in changed.items():
        (tmp_path / name).mkdir()
        target = str(tmp_path / name / "rows.parquet")
        query = f"with rows as (from read_parquet('{raw / 'rows.parquet'}')) {change}"
        with duckdb.connect() as connection:
            connection.execute(f"copy ({query}) to '{target}' (format parquet)")
        assert len(differing(part, tmp_path / name, "users")) == (2 if name == "value" else 1)
    assert count > 7


def test_formulas_and_script_tags_are_published_as_the_text_they_are(
    published: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    home, _ = published
    names = ask(home, "select name from subject where left(name, 1) in ('=', '<') order by name")
    assert names == [(SCRIPT,), (FORMULA,)]


# What no file in a folder can show


@contextmanager
def as_an_ordinary_user(*folders: Path) -> Iterator[None]:
    """For a while not root, who may read everything; the folders are the user's own."""
    if os.geteuid() != 0:
        yield
        return
    for folder in folders:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    ("locked", "name", "why"),
    [
        ("signal_actions/2026-03-01/part-0000.csv", "part-0000.csv", "part-0000.csv cannot be read: "),
        ("signal_actions/2026-03-01", "2026-03-01", "2026-03-01 cannot be read: "),
        ("signal_actions/2026-03-01/_manifest.json", "part-0000.csv", NO_MANIFEST.reason),
    ],
)
def test_what_may_not_be_read_is_refused_and_the_others_are_all_there(
    locked: str, name: str, why: str
) -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        # Python's own files may be root's alone: whatever is loaded only when needed is loaded now.
        first = House(Path(home) / "first", "tracks")
        first.deliver("tracks", 1, [track(1)])
        assert first.actions() == {("tracks", 1): "accepted"}
        house = House(Path(home), "signal_actions", "tracks")
        house.deliver("signal_actions", 1, CSV)
        house.deliver("signal_actions", 1, b'{"parts": {"part-0000.csv": {}}}', "_manifest.json")
        house.deliver("tracks", 1, [track(1), track(2)])
        with as_an_ordinary_user(Path(home)):
            (house.settings.exports_dir / locked).chmod(0)
            refused, good = house.ingest()
            (house.settings.exports_dir / locked).chmod(0o700)
        permission = "" if why == NO_MANIFEST.reason else "Permission denied"
        assert house.delivered("signal_actions", 1, ".refused") == [
            (name, "refused", why + permission, None, None)
        ]
        assert (refused.action, good.action, good.rows) == ("refused", "accepted", 2)


def test_a_part_replaced_while_it_is_read_is_refused_now_and_accepted_at_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path, "signal_actions", "tracks")
    path = house.deliver("signal_actions", 1, CSV)
    house.deliver("tracks", 1, [track(1), track(2)])
    delivered = read._delivered

    def replaced_meanwhile(part: Path, name: str) -> Iterator[bytes]:
        path.write_bytes(CSV.replace(b"BLAST", b"ADD"))
        return delivered(part, name)

    with monkeypatch.context() as patch:
        patch.setattr(read, "_delivered", replaced_meanwhile)
        refused, good = house.ingest()
    assert refusal(refused) == "part-0000.csv changed while it was read; it is read again at the next run"
    assert (good.action, good.rows) == ("accepted", 2)
    assert house.actions() == {("signal_actions", 1): "accepted", ("tracks", 1): "known"}
    assert house.rows("signal_actions", 1, "type") == [("ADD",), ("ADD",)]


# Each guard, seen to matter


def opened_anyhow(path: Path) -> Any:
    """What opens whatever it is given."""
    return path.open("rb")


GUARDS = [
    (sys.modules[__name__], "MAX_UNPACKED_BYTES", 1 << 40, "gzip bomb"),
    (sys.modules[__name__], "MAX_UNPACKED_BYTES", 1 << 40, "Parquet bomb"),
    (csv_source, "require_text", lambda *_: None, "embedded NUL"),
    (csv_source, "_require_closed_quotes", lambda *_: None, "quote never closed"),
    (csv_source, "_require_last_line_break", lambda *_: None, "cut in its last unquoted field"),
    (read, "open_within_exports", opened_anyhow, "link to a file outside"),
    (read, "shown_name", str, "name with a line break"),
    (check, "TYPE_PATTERNS", dict.fromkeys(check.TYPE_PATTERNS, ".*"), "days there never were"),
    (discover, "_is_part", Path.is_file, "folder named like a part"),
    (discover, "_read_manifest", lambda _: (None, None), "manifest without its parts"),
    (discover, "_expected", lambda _, expected: expected, "manifest of words for rows"),
    (discover, "MAX_MANIFEST_BYTES", 1 << 30, "manifest of 20 MB"),
    (ingest, "_manifest_problem", lambda *_: None, "manifest of other rows"),
]


@pytest.mark.parametrize(
    ("module", "guard", "broken", "kind"), GUARDS, ids=[f"{g[1]}: {g[3]}" for g in GUARDS]
)
def test_without_its_guard_a_corrupt_delivery_has_another_outcome(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    good: dict[str, tuple[Path, int]],
    module: Any,
    guard: str,
    broken: object,
    kind: str,
) -> None:
    monkeypatch.setattr(module, guard, broken)
    with pytest.raises(AssertionError):
        judge(tmp_path, BY_KIND[kind], good)


# Memory


HEAVY = (
    "gzip bomb", "gzip bomb of JSON", "Parquet bomb", "field of 10 MB", "100,000 columns", "deep JSON",
    "JSON with a field of 10 MB", "JSON with 100,000 keys", "deep JSON in CSV", "manifest of 20 MB",
)  # fmt: skip
MEASURE = """
import re, sys
from pathlib import Path
from corpus import CASES, MAX_UNPACKED_BYTES
from golden.world import warehouse
from ingesting import TABLES, House, march
from orchestration.raw import read
kept, delivered = [], read._delivered
def keeping(*part):
    for piece in delivered(*part):
        kept.append(bytes(piece) * 16)  # as much as parsing it may take
        yield piece
if sys.argv[2] == "keeping":
    read._delivered = keeping
cases = [case for case in CASES if case.kind in sys.argv[3:]]
house = House(Path(sys.argv[1]), *{case.table for case in cases}, max_unpacked_bytes=MAX_UNPACKED_BYTES)
for day, case in enumerate(cases, start=1):
    case.deliver(house.settings.exports_dir, march(day))
def peak():  # of this process alone: ru_maxrss begins with that of whoever started it
    return int(re.search("VmHWM: +([0-9]+)", Path("/proc/self/status").read_text().expandtabs())[1])
before = peak()
print(len(house.ingest()), (peak() - before) // 1024)
"""


# Measured: 125 to 136 MB; 480 if the reader forgets nothing.
BOUND_MEGABYTES = 192
# What was freed goes back at once. If the C library may choose, it keeps up to 70 MB of it, as the load is.
PLAIN_MALLOC = {
    "MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "131072", "MALLOC_MMAP_THRESHOLD_": "131072",
}  # fmt: skip


def megabytes(tmp_path: Path, how: str) -> int:
    """What ingesting all that is large takes beyond what the process had; `keeping`: and forgets nothing."""
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])
    measured = subprocess.run(  # noqa: S603
        [sys.executable, "-c", MEASURE, str(tmp_path), how, *HEAVY],
        capture_output=True, text=True, check=True, timeout=300,
        env=os.environ | PLAIN_MALLOC | {"PYTHONPATH": path},
    )  # fmt: skip
    nights, taken = map(int, measured.stdout.splitlines()[-1].split())
    print(taken)
    assert nights == len(HEAVY)
    return taken


def test_what_is_large_takes_bounded_memory(tmp_path: Path) -> None:
    assert megabytes(tmp_path, "as it is") < BOUND_MEGABYTES


def test_a_reader_that_keeps_what_it_reads_exceeds_that_bound(tmp_path: Path) -> None:
    assert megabytes(tmp_path, "keeping") > BOUND_MEGABYTES
