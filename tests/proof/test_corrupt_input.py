"""Whatever is delivered, nothing hangs, breaks or is lost silently, and all the other rows are there."""

import dataclasses
import datetime as dt
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from corpus import CASES, FORMULA, MAX_UNPACKED_BYTES, SCRIPT, Accepted, Case, PassedOver, Refused, band
from test_cli import warehouse
from test_ingestion import TABLES, House, as_csv, parquet

from orchestration.exports import shown_name
from orchestration.ingestion import refusal
from orchestration.sample import LAST_NIGHT, SMALLEST, write_sample

PROMISE = "No corrupt delivery is lost or breaks a run"
FIRST_NIGHT = dt.date(2025, 3, 1)
NIGHTS = {case.kind: FIRST_NIGHT + dt.timedelta(days=number) for number, case in enumerate(CASES)}
BY_KIND = {case.kind: case for case in CASES}
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
        rows = house.settings.raw_dir / name / str(night) / "rows.parquet"
        assert parquet(rows, "select count(*)") == [(good[name][1],)]
    raw = house.settings.raw_dir / case.table
    match case.outcome:
        case PassedOver():
            assert found is None
            assert {path.name for path in raw.iterdir()} == {"empty"}
        case Refused():
            assert (found.action, refusal(found)) == ("refused", reason(case))
            assert not (raw / str(night)).exists()
            books = parquet(raw / f"{night}.refused" / "delivered.parquet", "select distinct status, reason")
            assert books == [("refused", reason(case))]
        case Accepted():
            assert (found.action, found.rows) == ("accepted", case.outcome.rows)
            rejected = parquet(
                raw / str(night) / "rejected.parquet",
                "select row_number, column_name, reason, value",
                "order by part, row_number",
            )
            assert rejected == list(case.outcome.rejected)
            kept = parquet(raw / str(night) / "rows.parquet", "select count(*)")
            assert kept == [(case.outcome.rows - len(rejected),)]


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
    assert said.stdout.count("Law holds:") == 5
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
    with duckdb.connect() as connection:
        for path in good:
            rows = connection.execute("select count(*) from read_csv(?)", [str(path)]).fetchone()[0]
            assert found["/".join(path.parts[-3:])] == rows


def test_formulas_and_script_tags_are_published_as_the_text_they_are(
    published: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    home, _ = published
    names = ask(home, "select name from subject where left(name, 1) in ('=', '<') order by name")
    assert names == [(SCRIPT,), (FORMULA,)]
