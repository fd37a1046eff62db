"""A comparison shows what a candidate changes, in sums that add up, and nothing about any one member."""

import datetime as dt
import fcntl
import hashlib
import io
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Timer

import duckdb
import pytest
from conftest import Run, uid
from hypothesis import example, given
from hypothesis import settings as limits
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from orchestration.ask.summary import show_summary
from orchestration.assets.raw_tables import WAIT_FOR_COMPARISON
from orchestration.cli import app
from orchestration.lock import WarehouseBusyError, hold, let_go
from orchestration.policy.checks import POINT_RULES, SCORE_POLICY, SEEDS_DIR
from orchestration.policy.comparison import Comparison, Finding, compare, shown
from orchestration.policy.page import write_page
from orchestration.policy.what_if import NotRecordedError, replay
from orchestration.settings import settings

Row = dict[str, object]


@pytest.fixture
def candidate(tmp_path: Path) -> Path:
    """The seeds, to be changed."""
    folder = tmp_path / "candidate"
    folder.mkdir()
    for name in (POINT_RULES, SCORE_POLICY):
        shutil.copy(SEEDS_DIR / name, folder)
    return folder


def change(candidate: Path, name: str, old: str, new: str) -> None:
    """Change one place of a candidate."""
    text = (candidate / name).read_text()
    assert text.count(old) == 1
    (candidate / name).write_text(text.replace(old, new))


def compared(golden: Run, candidate: Path, as_of_date: dt.date | None = None) -> Comparison:
    """The golden nights under a candidate's policy beside what they are."""
    folder = golden.warehouse_dir
    with duckdb.connect() as connection:
        replay(replace(settings(), warehouse_dir=folder), candidate, connection, as_of_date)
        return compare(connection)


def by(finding: Finding, *columns: str) -> dict[object, tuple[object, ...]]:
    """Some columns of the rows, by the first column."""
    return {row[finding.columns[0]]: tuple(row[name] for name in columns) for row in finding.records()}


def differences(comparison: Comparison) -> list[object]:
    """Every number that shows a difference."""
    return [
        value
        for finding in comparison.findings.values()
        for row in finding.records()
        for column, value in row.items()
        if "difference" in column
        or column in ("gain", "lose", "mean change")
        or (row.get("side") == "difference" and column != "side")
    ]


# Support is 20 instead of 10, and 60 a day instead of 50. Of Dan's six of 6 December three bring 20, three
# nothing: 60 withheld on 3 acts, where now the sixth is refused 10. Ben's one support is of his own signal.


@pytest.fixture
def twice(golden: Run, candidate: Path) -> Comparison:
    """Support worth twice, and ten more a day."""
    change(candidate, POINT_RULES, "support,support,10,false,,50", "support,support,20,false,,60")
    return compared(golden, candidate)


def test_totals_are_those_of_the_golden_nights_and_what_supports_add(twice: Comparison) -> None:
    assert twice.last_day == dt.date(2026, 1, 3)
    assert twice.findings["totals"].rows == [("awards", 32, 30, -2), ("points", 955, 965, 10)]
    assert by(twice.findings["by_type"], "awards now", "awards then", "points now", "points then") == {
        "adjustment": (1, 1, -7, -7),
        "attendance": (1, 1, 15, 15),
        "blast": (16, 16, 47, 47),
        "pioneering": (4, 4, 650, 650),
        "project": (3, 3, 100, 100),
        "proof_of_support": (2, 2, 100, 100),
        "support": (5, 3, 50, 60),
    }
    assert by(twice.findings["by_rule"], "points now", "points then", "difference")["support"] == (50, 60, 10)
    assert by(twice.findings["by_rule"], "points now")["blast_response"] == (22,)


def test_scenes_stand_in_order_of_name_and_add_up(twice: Comparison) -> None:
    assert [
        (row["scene"], row["points now"], row["difference"]) for row in twice.findings["by_scene"].records()
    ] == [
        ("Austin folk, Texas", 70, 10),
        ("Austin punk, Texas", 167, 0),
        ("Houston punk, Texas", 55, 0),
        ("Portland punk, Oregon", 670, 0),
        ("in no city scene", -7, 0),
    ]


def test_the_spread_over_members_counts_those_without_points(twice: Comparison, golden: Run) -> None:
    """Eleven members: -7, five of 0, 50, 70 (Dan, then 80), 262, 275, 300.

    The sixth is the median, the tenth (9.9) p90, the eleventh (10.89) p99. Gini, -7 taken as 0:
    2 * (7*50 + 8*70 + 9*262 + 10*275 + 11*300) / (11 * 957) - 12/11, with 80: 2 * 9398 / (11 * 967) - 12/11.
    """
    now, then, difference = twice.findings["distribution"].rows
    assert now[:-1] == ("now", 11, 5, 5 / 11, 0, 275, 300)
    assert now[-1] == pytest.approx(2 * 9318 / (11 * 957) - 12 / 11)
    assert then[:-1] == ("then", 11, 5, 5 / 11, 0, 275, 300)
    assert then[-1] == pytest.approx(2 * 9398 / (11 * 967) - 12 / 11)
    assert difference[:-1] == ("difference", 0, 0, 0, 0, 0, 0)
    with duckdb.connect(str(golden.warehouse_dir / "warehouse.duckdb"), read_only=True) as built:
        assert built.sql("select count(*) from stg_users").fetchone() == (11,)


def test_bands_join_until_each_holds_five_members(twice: Comparison) -> None:
    """-7 and the five zeros are six; 50, 70 and 262, 275, 300, joined, are five. Dan gains 10."""
    assert twice.findings["bands"].rows == [
        ("0 or fewer", 6, 0, 6, 0, 0),
        ("50 to 499", 5, 1, 4, 0, 2),
        ("all members", 11, 1, 10, 0, pytest.approx(10 / 11)),
    ]


def test_points_that_caps_withhold_are_counted_by_rule_and_cap(twice: Comparison) -> None:
    assert twice.findings["caps"].rows == [
        ("blast_response", "one source act", 1, 1, 2, 2, 0),
        ("support", "a member in a day", 1, 3, 10, 60, 50),
    ]


def test_a_lower_cap_withholds_more(golden: Run, candidate: Path) -> None:
    """20 a day: Dan keeps two of his six supports, so 40 are withheld, and 30 less of his 70 stay."""
    change(candidate, POINT_RULES, "support,support,10,false,,50", "support,support,10,false,,20")
    found = compared(golden, candidate).findings
    assert found["caps"].rows[1] == ("support", "a member in a day", 1, 4, 10, 40, 30)
    assert found["totals"].rows[1] == ("points", 955, 925, -30)
    assert by(found["bands"], "gain", "stay", "lose", "mean change")["50 to 499"] == (0, 4, 1, -6)


def test_the_proposal_lists_what_differs_and_warns_of_what_has_no_effect_yet(
    golden: Run, candidate: Path
) -> None:
    change(
        candidate,
        POINT_RULES,
        "blast,blast,5,false,,50,,,1970-01-01,,",
        "blast,blast,5,false,,50,,,1970-01-01,2026-03-01,",
    )
    with (candidate / POINT_RULES).open("a") as file:
        file.write("2,blast,blast,9,false,,50,,,2026-03-01,,Blasting a signal\n")
    found = compared(golden, candidate).findings["proposal"]
    assert found.columns == ["rule", "valid from", "setting", "now", "then", "remark"]
    late = "begins after the last day compared: no effect below"
    assert found.rows == [
        ("blast", "1970-01-01", "valid to", "—", "2026-03-01", None),
        ("blast", "2026-03-01", "activity type", "—", "blast", late),
        ("blast", "2026-03-01", "daily cap points", "—", "50", late),
        ("blast", "2026-03-01", "is bonus", "—", "false", late),
        ("blast", "2026-03-01", "points", "—", "9", late),
        ("blast", "2026-03-01", "policy version", "—", "2", late),
    ]


def test_a_half_life_and_seasons_show_beside_the_plain_sums(golden: Run, candidate: Path) -> None:
    """Half-life one day, on 3 January; seasons begin on 1 January.

    Austin punk: 27 of today, 100/2, 5/4, 5/2^6, 5/2^7, 25/2^24. Houston: 5/2, 50/2^33.
    """
    change(candidate, SCORE_POLICY, "1,,none", "1,1,quarter")
    found = compared(golden, candidate).findings
    assert found["fading"].rows == [(0, 1, 1), (1, 1, 0.5), (2, 1, 0.25), (3, 1, 0.125), (4, 1, 0.0625)]
    assert "faded now" not in found["scores"].columns
    scores = by(found["scores"], "all points then", "faded then", "season then")
    almost = {
        name: (points, pytest.approx(faded, abs=1e-6), season)
        for name, (points, faded, season) in {
            "Austin folk, Texas": (70, -80 + 100 / 2**3 + 50 / 2**28, -80),
            "Austin punk, Texas": (167, 27 + 50 + 1.25 + 5 / 2**6 + 5 / 2**7 + 25 / 2**24, 132),
            "Houston punk, Texas": (55, 2.5, 5),
            "Portland punk, Oregon": (670, 18 + 652 / 2, 670),
            "in no city scene": (-7, -7, -7),
        }.items()
    }
    assert scores == almost
    assert found["totals"].rows[1] == ("points", 955, 955, 0)


def test_awards_are_one_number_wherever_they_are_counted(golden: Run) -> None:
    """32, of which Fay, who left, earned one; Dan's proof that was taken back is one award, not two."""
    (now, *_) = compared(golden, SEEDS_DIR).findings["totals"].records()
    summary = Console(file=io.StringIO())
    show_summary(summary, replace(settings(), warehouse_dir=golden.warehouse_dir), {})
    points = summary.file.getvalue().partition("activity_type")[2].splitlines()[2:9]
    assert (now["of all"], now["now"]) == ("awards", 32)
    assert sum(int(line.split()[1]) for line in points) == 32
    assert golden.sql("select count(*) from activity_decision where is_awarded") == [(32,)]
    assert golden.sql("select sum(awards) from user_activity") == [(31,)]


def test_up_to_a_day_both_sides_stop_at_its_end(golden: Run) -> None:
    """Up to 2 January: 955 without the 27 + 18 - 80 - 7 of the 3rd. Fay is a member still, 10 to 14 not yet.

    0, 5, 50, 150, 235, 257, 300: the fourth of seven is the median, the seventh p90 and p99. Dan's sixth
    support is the only act a cap had refused.
    """
    found = compared(golden, SEEDS_DIR, dt.date(2026, 1, 2)).findings
    assert found["totals"].rows[1] == ("points", 997, 997, 0)
    assert [row["points then"] for row in found["by_scene"].records()] == [150, 140, 55, 652]
    now = found["distribution"].rows[0]
    assert now[:-1] == ("now", 7, 6, 6 / 7, 150, 300, 300)
    assert now[-1] == pytest.approx(2 * 5577 / (7 * 997) - 8 / 7)
    assert found["caps"].rows == [("support", "a member in a day", 1, 1, 10, 10, 0)]


@pytest.mark.parametrize("day", ["2025-11-05", "2025-12-31", "2026-01-02", "2026-01-03"])
def test_the_current_policy_differs_in_nothing_up_to_any_day(golden: Run, day: str) -> None:
    comparison = compared(golden, SEEDS_DIR, dt.date.fromisoformat(day))
    found = differences(comparison)
    assert found and not any(found)
    assert "proposal" not in comparison.findings


@pytest.mark.parametrize(
    ("day", "sentence"),
    [
        ("2026-01-04", "2026-01-04 lies after 2026-01-03, the last day built; choose an earlier one"),
        ("2025-11-04", "2025-11-04 lies before 2025-11-05, the first act; choose a later one"),
    ],
)
def test_a_day_nothing_is_recorded_of_is_refused(golden: Run, day: str, sentence: str) -> None:
    with pytest.raises(NotRecordedError, match=sentence):
        compared(golden, SEEDS_DIR, dt.date.fromisoformat(day))
    outcome = what_if(golden, SEEDS_DIR, "--as-of", day)
    assert outcome.exit_code == 2
    assert sentence in outcome.output


# The command


def what_if(golden: Run, candidate: Path, *options: str) -> object:
    """The command, on the golden nights."""
    arguments = ["what-if", str(candidate), "--warehouse-dir", str(golden.warehouse_dir), *options]
    return CliRunner().invoke(app, arguments)


def test_the_command_writes_tables_and_a_page_and_nothing_else(golden: Run, candidate: Path) -> None:
    """Run as people run it; neither the tables nor the page tell of a member."""
    change(candidate, POINT_RULES, "support,support,10,", "support,support,20,")
    files = [golden.published_file, golden.warehouse_dir / "warehouse.duckdb"]
    before = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    # What a comparison that was killed left behind.
    spilled = golden.warehouse_dir / "what_if" / "spill" / "temp_block.tmp"
    spilled.parent.mkdir(parents=True, exist_ok=True)
    spilled.touch()
    outcome = subprocess.run(  # noqa: S603
        [
            sys.executable,
            "-m",
            "orchestration.cli",
            "what-if",
            candidate,
            "--warehouse-dir",
            golden.warehouse_dir,
        ],
        capture_output=True,
        text=True,
    )
    assert outcome.returncode == 0, outcome.stderr
    page = golden.warehouse_dir / "what_if" / "candidate.html"
    assert str(page) in outcome.stdout
    assert not spilled.parent.exists()
    assert [hashlib.sha256(file.read_bytes()).hexdigest() for file in files] == before
    for text in (outcome.stdout, page.read_text()):
        assert "Who gains and who loses" in text
        assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-4", text)
        assert not re.search(r"\b(Ann|Ben|Cat|Dan|Eve|Fay|Gus)\b", text)
    page.unlink()


def test_the_page_goes_where_one_wants_it(golden: Run, tmp_path: Path) -> None:
    page = tmp_path / "elsewhere" / "page.html"
    assert what_if(golden, SEEDS_DIR, "--page", str(page)).exit_code == 0
    assert "The candidate changes nothing" in page.read_text()


def test_while_a_run_builds_the_command_says_so(golden: Run) -> None:
    with (golden.warehouse_dir / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        outcome = what_if(golden, SEEDS_DIR)
    assert outcome.exit_code == 3
    assert "another run" in outcome.output


def test_a_scheduled_run_waits_until_a_comparison_has_ended(tmp_path: Path) -> None:
    warehouse = replace(settings(), warehouse_dir=tmp_path)
    with (tmp_path / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(WarehouseBusyError):
            hold(warehouse, wait_seconds=1)
        ended = Timer(1, lock.close)
        ended.start()
        hold(warehouse, wait_seconds=WAIT_FOR_COMPARISON)
        ended.join()
    let_go(warehouse)


def test_a_page_that_cannot_be_written_is_said(golden: Run, tmp_path: Path) -> None:
    outcome = what_if(golden, SEEDS_DIR, "--page", str(tmp_path))
    assert outcome.exit_code == 2
    assert "cannot write the page" in outcome.output


def test_where_nothing_is_built_the_command_says_what_builds(candidate: Path, tmp_path: Path) -> None:
    outcome = CliRunner().invoke(app, ["what-if", str(candidate), "--warehouse-dir", str(tmp_path / "none")])
    assert outcome.exit_code == 2
    assert "`warehouse run` builds" in outcome.output


# Any two ledgers


RULES = ("blast", "support", "adjustment")
AWARDS = st.lists(
    st.tuples(
        st.integers(1, 14), st.sampled_from([None, 1, 2, 3]), st.sampled_from(RULES), st.integers(-300, 3000)
    ),
    max_size=40,
)
MEMBERS = 12
WORLD = """
    attach ':memory:' as built;
    attach ':memory:' as warehouse;
    create table warehouse.as_of as
        select date '2026-01-03' as as_of_date, timestamp '2026-01-04 00:00:00' as as_of;
    create table built.scope (
        scope_id uuid, tier varchar, scene_id uuid, is_unscoped boolean, label varchar
    );
    create table built.home_scene (user_id uuid, member_from date, member_to date);
"""
SCOPES = [
    (uid(2, 1), "city", uid(2, 1), False, "B & B"),
    (uid(2, 2), "city", uid(2, 2), False, "A <script>alert(1)</script>"),
    (uid(2, 9), "city", None, True, "in no city scene"),
]
SIDE = """
    create table {0}.ledger (
        user_id uuid, scene_id uuid, rule_id varchar, points integer, occurred_at timestamp,
        activity_type varchar, reverses_act_id uuid
    );
    create table {0}.decision (
        rule_id varchar, capped_by varchar, price integer, points integer, occurred_at timestamp
    );
    create table {0}.activity_score (
        scope_id uuid, scene_id uuid, tier varchar, as_of_date date, points_all_time bigint,
        decayed_score double, season_points bigint
    );
    create table {0}.point_rule (rule_id varchar, valid_from date, points integer, description varchar);
    create table {0}.score_policy (
        valid_from date, valid_to date, half_life_days integer, season_length varchar, description varchar
    );
    insert into {0}.score_policy values ('1970-01-01', null, null, 'none', null);
"""


@contextmanager
def world_of(members: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """Both sides without a row, two scenes, some members and two people who left."""
    with duckdb.connect() as connection:
        connection.execute(WORLD)
        for side in ("built", "warehouse"):
            connection.execute(SIDE.format(side))
        connection.executemany("insert into built.scope values (?, ?, ?, ?, ?)", SCOPES)
        connection.executemany(
            "insert into built.home_scene values (?, '2025-01-01', ?)",
            [
                (uid(1, number), dt.date(2026, 1, 3) if number > members else None)
                for number in range(1, members + 3)
            ],
        )
        yield connection


@pytest.fixture(scope="module")
def world() -> Iterator[duckdb.DuckDBPyConnection]:
    """Twelve members."""
    with world_of(MEMBERS) as connection:
        yield connection


def told(world: duckdb.DuckDBPyConnection, now: list[tuple], then: list[tuple]) -> Comparison:
    """The comparison of two ledgers; what the standing side earned after the last day does not count."""
    for side, awards in (("built", now), ("warehouse", then)):
        world.execute(f"delete from {side}.ledger")  # noqa: S608
        rows = [
            (uid(1, user), scene and uid(2, scene), rule, points, dt.datetime(2026, 1, 3, 23, 59), rule)
            for user, scene, rule, points in awards
        ]
        if side == "built":
            rows.append((uid(1, 1), uid(2, 1), "blast", 9999, dt.datetime(2026, 1, 4), "blast"))
        if rows:
            world.executemany(f"insert into {side}.ledger values (?, ?, ?, ?, ?, ?, null)", rows)  # noqa: S608
    world.execute(
        "drop table if exists scene_rule; drop table if exists member_points; drop table if exists capped"
    )
    return compare(world)


def totals_of(awards: list[tuple]) -> list[int]:
    """The members' totals, from the lowest up."""
    return sorted(sum(award[3] for award in awards if award[0] == member) for member in range(1, MEMBERS + 1))


@limits(max_examples=25, deadline=None)
@given(now=AWARDS, then=AWARDS)
@example(now=[], then=[])
@example(now=[(1, 1, "blast", 10)], then=[(1, 1, "blast", 9)])
def test_every_table_is_a_sum_of_the_same_ledgers(
    world: duckdb.DuckDBPyConnection, now: list[tuple], then: list[tuple]
) -> None:
    found = told(world, now, then).findings
    sums = (sum(award[3] for award in now), sum(award[3] for award in then))
    assert found["totals"].rows[1][1:3] == sums
    for name in ("by_type", "by_rule", "by_scene"):
        rows = found[name].records() if name in found else []
        assert (sum(row["points now"] for row in rows), sum(row["points then"] for row in rows)) == sums
        assert sum(row["difference"] for row in rows) == sums[1] - sums[0]
    names = [row["scene"] for row in found["by_scene"].records() if row["scene"] != "in no city scene"]
    assert names == ["A <script>alert(1)</script>", "B & B"]


@limits(max_examples=25, deadline=None)
@given(now=AWARDS, then=AWARDS)
@example(now=[(1, 1, "blast", 10)], then=[(member, 1, "blast", 7) for member in range(1, 13)])
def test_the_spread_is_what_its_definition_says(
    world: duckdb.DuckDBPyConnection, now: list[tuple], then: list[tuple]
) -> None:
    """Gini by the mean difference between any two members, percentiles by counting."""
    rows = told(world, now, then).findings["distribution"].records()
    for row, awards in zip(rows, (now, then), strict=False):
        totals = totals_of(awards)
        assert row["members"] == MEMBERS
        assert row["with points"] == sum(total > 0 for total in totals)
        for name, share in (("median", 50), ("p90", 90), ("p99", 99)):
            assert row[name] == next(
                total for total in totals if sum(other <= total for other in totals) * 100 >= share * MEMBERS
            )
        floored = [max(total, 0) for total in totals]
        if any(floored):
            apart = sum(abs(one - other) for one in floored for other in floored)
            assert row["Gini"] == pytest.approx(apart / (2 * MEMBERS * sum(floored)), abs=1e-9)
        else:
            assert row.get("Gini") is None


@limits(max_examples=25, deadline=None)
@given(now=AWARDS, then=AWARDS)
def test_bands_hold_all_members_once_and_never_fewer_than_five(
    world: duckdb.DuckDBPyConnection, now: list[tuple], then: list[tuple]
) -> None:
    *bands, everybody = told(world, now, then).findings["bands"].records()
    assert everybody["points now"] == "all members"
    assert everybody["members"] == MEMBERS == sum(row["members"] for row in bands)
    for row in (*bands, everybody):
        assert row["members"] >= 5
        assert row["gain"] + row["stay"] + row["lose"] == row["members"]
    for name in ("gain", "stay", "lose"):
        assert sum(row[name] for row in bands) == everybody[name]
    moved = sum(totals_of(then)) - sum(totals_of(now))
    assert sum(row["mean change"] * row["members"] for row in bands) == pytest.approx(moved, abs=1e-6)


@limits(max_examples=25, deadline=None)
@given(awards=AWARDS)
def test_equal_ledgers_differ_in_nothing(world: duckdb.DuckDBPyConnection, awards: list[tuple]) -> None:
    found = differences(told(world, awards, awards[::-1]))
    assert found and not any(found)


def test_fewer_than_five_members_make_no_band() -> None:
    with world_of(4) as world:
        assert "bands" not in told(world, [(1, 1, "blast", 5)], []).findings
    with world_of(5) as world:
        assert told(world, [(1, 1, "blast", 5)], []).findings["bands"].rows == [
            ("0 to 9", 5, 0, 4, 1, -1),
            ("all members", 5, 0, 4, 1, -1),
        ]


def test_the_page_stands_alone_and_shows_texts_as_texts(
    world: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    comparison = told(world, [(1, 2, "blast", 10)], [(1, 2, "blast", 20)])
    write_page(comparison, '<b>bold</b> & "quoted"', tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "What if: &lt;b&gt;bold&lt;/b&gt; &amp; " in page
    assert page.count("<svg") == page.count("</svg>") == 5
    addresses = set(re.findall(r"\w+://[^\s\"'<>]+", page))
    assert addresses == {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    for finding in comparison.findings.values():
        assert finding.title in page or finding.title.startswith("In all")


@pytest.mark.parametrize(
    ("value", "column", "text"),
    [
        (1234567, "points now", "1,234,567"),
        (1234, "difference", "+1,234"),
        (-5, "difference", "-5"),
        (0, "difference", "0"),
        (0.25, "share with points", "25.0%"),
        (0.5, "Gini", "0.500"),
        (-1.25, "mean change", "-1.2"),
        (None, "now", "—"),
        ("blast", "rule", "blast"),
    ],
)
def test_a_number_is_shown_as_people_read_it(value: object, column: str, text: str) -> None:
    assert shown(value, column) == text
