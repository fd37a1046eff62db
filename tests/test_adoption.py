"""A proposal is adopted from a day on: earlier acts keep their price, later ones get the proposal's."""

import csv
import datetime as dt
import fcntl
import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from conftest import Run, publish_until
from hypothesis import given, settings
from hypothesis import strategies as st
from policies import first_policy
from rich.console import Console
from typer.testing import CliRunner, Result

from orchestration.cli import app
from orchestration.lock import let_go
from orchestration.policy.adoption import AdoptionError, adopt
from orchestration.policy.checks import POINT_RULES, POLICY_FILES, SCORE_POLICY, problems
from orchestration.policy.what_if import replay
from orchestration.settings import Settings
from orchestration.settings import settings as warehouse_settings

BLAST = "1,blast,blast,5,false,,50,,,1970-01-01,,Blasting a signal\n"
SUPPORT = "1,support,support,10,false,,50,,,1970-01-01,,Supporting a signal\n"
SCORE = "1,,none,1970-01-01,,Cumulative: points neither fade nor start anew\n"
MARCH, APRIL = dt.date(2026, 3, 1), dt.date(2026, 4, 1)


def folder(path: Path, **changed: str) -> Path:
    """A policy folder: version 1 of everything, with other lines for some rules."""
    first_policy(path)
    for what, lines in changed.items():
        name, standing = {
            "blast": (POINT_RULES, BLAST), "support": (POINT_RULES, SUPPORT), "score": (SCORE_POLICY, SCORE),
        }[what]  # fmt: skip
        assert standing in text(path, name)
        (path / name).write_bytes(text(path, name).replace(standing, lines).encode())
    return path


def text(path: Path, name: str = POINT_RULES) -> str:
    """A file of a policy, line ends as they are."""
    return (path / name).read_bytes().decode()


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    """Version 1 of everything, to be written to."""
    return folder(tmp_path / "seeds")


def test_the_standing_line_ends_where_the_new_one_begins(seeds: Path, tmp_path: Path) -> None:
    candidate = folder(tmp_path / "candidate", support=SUPPORT.replace(",10,", ",12,"))
    before, score = text(seeds), text(seeds, SCORE_POLICY)
    adopt(seeds, candidate, MARCH, "2", None)
    ended = "1,support,support,10,false,,50,,,1970-01-01,2026-03-01,Supporting a signal\n"
    begun = "2,support,support,12,false,,50,,,2026-03-01,,Supporting a signal\n"
    assert text(seeds) == before.replace(SUPPORT, ended + begun)
    assert text(seeds, SCORE_POLICY) == score
    assert sorted(path.name for path in seeds.iterdir()) == sorted(POLICY_FILES)


def test_a_score_policy_is_adopted_in_the_same_way(seeds: Path, tmp_path: Path) -> None:
    candidate = folder(tmp_path / "candidate", score="x,90,none,2020-01-01,,Fading\n")
    before = text(seeds)
    adopt(seeds, candidate, MARCH, "spring-2026", None)
    header = text(seeds, SCORE_POLICY).splitlines(keepends=True)[0]
    assert text(seeds, SCORE_POLICY) == (
        header
        + SCORE.replace("1970-01-01,,", "1970-01-01,2026-03-01,")
        + "spring-2026,90,none,2026-03-01,,Fading\n"
    )
    assert text(seeds) == before


def test_a_plan_of_several_lines_is_adopted_from_the_one_that_holds_that_day(
    seeds: Path, tmp_path: Path
) -> None:
    candidate = folder(
        tmp_path / "candidate",
        support=(
            "a,support,support,8,false,,50,,,1970-01-01,2026-01-01,Before\n"
            "b,support,support,12,false,,50,,,2026-01-01,2026-06-01,Now\n"
            "c,support,support,14,false,,50,,,2026-06-01,,Later\n"
        ),
    )
    adopt(seeds, candidate, MARCH, "2", None)
    assert [line for line in text(seeds).splitlines() if ",support,support," in line] == [
        "1,support,support,10,false,,50,,,1970-01-01,2026-03-01,Supporting a signal",
        "2,support,support,12,false,,50,,,2026-03-01,2026-06-01,Now",
        "2,support,support,14,false,,50,,,2026-06-01,,Later",
    ]


def test_what_was_scheduled_gives_way_and_is_named(seeds: Path, tmp_path: Path) -> None:
    """Version 2 was to pay 12 from 1 April; version 3 pays 15 from that very day."""
    adopt(seeds, folder(tmp_path / "second", support=SUPPORT.replace(",10,", ",12,")), APRIL, "2", None)
    (changed,) = adopt(
        seeds, folder(tmp_path / "third", support=SUPPORT.replace(",10,", ",15,")), APRIL, "3", None
    )
    assert [(line["policy_version"], line["valid_from"]) for line in changed.replaced] == [
        ("2", "2026-04-01")
    ]
    assert [line for line in text(seeds).splitlines() if ",support,support," in line] == [
        "1,support,support,10,false,,50,,,1970-01-01,2026-04-01,Supporting a signal",
        "3,support,support,15,false,,50,,,2026-04-01,,Supporting a signal",
    ]


def test_what_has_ended_stays_to_the_byte(tmp_path: Path) -> None:
    """Needless quotes, a text of two lines, a last line without a line break: only `valid_to` is written."""
    ended = '1,support,"support",10,false,,"50",,,1970-01-01,2025-01-01,"Supporting ""a"" signal,\nonce"\n'
    standing = '"1.1",support,support,11,false,,50,,,2025-01-01,,"Supporting"\n'
    seeds = folder(tmp_path / "seeds", support=ended + standing)
    (seeds / POINT_RULES).write_bytes(text(seeds).rstrip("\n").encode())
    before = text(seeds)
    candidate = folder(
        tmp_path / "candidate", support='1,support,support,12,false,,50,,,1970-01-01,,"A, b"\n'
    )
    adopt(seeds, candidate, MARCH, "2", None)
    closed = standing.replace("2025-01-01,,", "2025-01-01,2026-03-01,")
    begun = '2,support,support,12,false,,50,,,2026-03-01,,"A, b"\n'
    assert text(seeds) == before.replace(standing, closed + begun) + "\n"


def test_lines_end_as_those_of_the_seeds_do(tmp_path: Path) -> None:
    seeds = folder(tmp_path / "seeds")
    (seeds / POINT_RULES).write_bytes(text(seeds).replace("\n", "\r\n").encode())
    adopt(seeds, folder(tmp_path / "candidate", support=SUPPORT.replace(",10,", ",12,")), MARCH, "2", None)
    assert text(seeds).count("\r\n") == text(seeds).count("\n")
    assert "2026-03-01,Supporting a signal\r\n2,support,support,12" in text(seeds)
    assert problems(seeds) == []


def test_a_line_cut_in_two_that_says_the_same_is_nothing_to_adopt(seeds: Path, tmp_path: Path) -> None:
    cut = SUPPORT.replace("1970-01-01,,", "1970-01-01,2026-05-01,") + SUPPORT.replace(
        "1970-01-01,,", "2026-05-01,,"
    )
    with pytest.raises(AdoptionError, match="does not differ from the policy in force"):
        adopt(seeds, folder(tmp_path / "candidate", support=cut), MARCH, "2", None)


@pytest.mark.parametrize(
    ("candidate_support", "day", "version", "reason"),
    [
        (SUPPORT.replace(",10,", ",12,"), MARCH, "1", "there is a version 1 already"),
        (SUPPORT.replace(",10,", ",12,"), MARCH, "", "the name of the version is empty"),
        (SUPPORT.replace(",10,", ",12,"), MARCH, "two words", "may hold only letters, digits"),
        (SUPPORT.replace(",10,", ",12,"), MARCH, "a,b", "may hold only letters, digits"),
        (SUPPORT, MARCH, "2", "does not differ from the policy in force"),
        (SUPPORT.replace(",10,", ",ten,"), MARCH, "2", "point_rule.csv line 4: points is no whole number"),
        (SUPPORT.replace(",10,", ",12,"), dt.date(2026, 2, 27), "2", "2026-02-27 is published already"),
        (SUPPORT.replace(",10,", ",12,"), dt.date(2026, 2, 28), "2", "can be priced anew is 2026-03-01"),
        (
            SUPPORT.replace("1970-01-01,,", "2026-06-01,,"),
            MARCH,
            "2",
            "support begins on 2026-06-01 but leaves a gap after line 4, ending 2026-03-01",
        ),
    ],
)
def test_what_cannot_be_adopted_is_refused_and_nothing_written(
    seeds: Path, tmp_path: Path, candidate_support: str, day: dt.date, version: str, reason: str
) -> None:
    before = text(seeds), text(seeds, SCORE_POLICY)
    candidate = folder(tmp_path / "candidate", support=candidate_support)
    with pytest.raises(AdoptionError) as refused:
        adopt(seeds, candidate, day, version, dt.date(2026, 2, 28))
    assert reason in str(refused.value)
    assert (text(seeds), text(seeds, SCORE_POLICY)) == before
    assert sorted(path.name for path in seeds.iterdir()) == sorted(POLICY_FILES)


def test_seeds_in_need_of_repair_are_not_added_to(tmp_path: Path) -> None:
    seeds = folder(tmp_path / "seeds", support="\n" + SUPPORT)
    with pytest.raises(AdoptionError, match=r"has mistakes itself:\npoint_rule.csv line 4: is blank"):
        adopt(seeds, folder(tmp_path / "candidate"), MARCH, "2", None)


# Small policies: two rules and the score policy, each cut into a few periods.

DAYS = [dt.date(2026, 1, 1) + dt.timedelta(days=n) for n in range(12)]
Period = tuple[str, str, str]  # value, valid_from, valid_to


@st.composite
def calendars(draw: st.DrawFn, values: st.SearchStrategy[str]) -> list[Period]:
    """Periods without gap or overlap; the last may have an end."""
    begins = sorted(draw(st.sets(st.sampled_from(DAYS), min_size=1, max_size=4)))
    ends = [*begins[1:], draw(st.none() | st.just(DAYS[-1] + dt.timedelta(days=5)))]
    return [
        (draw(values), begin.isoformat(), end.isoformat() if end else "")
        for begin, end in zip(begins, ends, strict=True)
    ]


POINTS = st.sampled_from(["1", "2", "-3"])
CAPPED = {"1": "50", "2": "50", "-3": ""}  # what takes points away has no cap
POLICIES = st.fixed_dictionaries(
    {
        "support": calendars(POINTS).map(
            lambda periods: "".join(
                f"v,support,support,{p},false,,{CAPPED[p]},,,{b},{e},\n" for p, b, e in periods
            )
        ),
        "blast": calendars(POINTS).map(
            lambda periods: "".join(f"w,blast,blast,{p},false,,,,,{b},{e},\n" for p, b, e in periods)
        ),
        "score": calendars(st.sampled_from(["", "7"])).map(
            lambda periods: "".join(f"v,{half},none,{b},{e},\n" for half, b, e in periods)
        ),
    }
)


def said(path: Path, day: dt.date) -> dict[str, list[str]]:
    """What a policy says of a day, read anew: the terms of each rule, and of the score policy."""
    lines = {}
    for name in POLICY_FILES:
        with (path / name).open(newline="") as file:
            for line in csv.DictReader(file):
                begin, end = line.pop("valid_from"), line.pop("valid_to") or "9999-12-31"
                del line["policy_version"]
                if begin <= day.isoformat() < end:
                    lines[line.get("rule_id", "score")] = list(line.values())
    return lines


@settings(max_examples=60, deadline=None)
@given(standing=POLICIES, proposed=POLICIES, day=st.sampled_from(DAYS))
def test_earlier_days_stay_and_later_days_are_the_proposals(
    tmp_path_factory: pytest.TempPathFactory, standing: dict[str, str], proposed: dict[str, str], day: dt.date
) -> None:
    path = tmp_path_factory.mktemp("policy")
    seeds, before = folder(path / "seeds", **standing), folder(path / "before", **standing)
    candidate = folder(path / "candidate", **proposed)
    try:
        adopt(seeds, candidate, day, "adopted", None)
    except AdoptionError as refused:
        assert text(seeds) == text(before) and text(seeds, SCORE_POLICY) == text(before, SCORE_POLICY)
        same = all(said(before, later) == said(candidate, later) for later in DAYS if later >= day)
        # A proposal that begins after the day leaves a gap, unless what stood begins later still.
        late = said(before, day - dt.timedelta(days=1)).keys() - said(candidate, day).keys()
        assert (same and "does not differ from" in str(refused)) or (late and "leaves a gap" in str(refused))
        return
    assert problems(seeds) == []
    for other in DAYS:
        assert said(seeds, other) == said(before if other < day else candidate, other)
    once = text(seeds)
    for version in ("adopted", "again"):
        with pytest.raises(AdoptionError):
            adopt(seeds, candidate, day, version, None)
    assert text(seeds) == once


# The golden nights under an adopted policy: the third night is priced anew, the two before it are not.

THIRD = dt.date(2026, 1, 3)
DEARER = {
    ",blast,blast,5,": ",blast,blast,7,",
    ",blast_response,blast,2,": ",blast_response,blast,4,",
    ",attendance,attendance,15,": ",attendance,attendance,20,",
    ",project_support,project,25,": ",project_support,project,30,",
    ",proof_of_support,proof_of_support,100,": ",proof_of_support,proof_of_support,120,",
    ",support,support,10,": ",support,support,20,",
}


@pytest.fixture
def dearer(tmp_path: Path) -> Path:
    """A proposal in which six rules pay more."""
    candidate = folder(tmp_path / "dearer")
    rules = text(candidate)
    for old, new in DEARER.items():
        assert rules.count(old) == 1
        rules = rules.replace(old, new)
    (candidate / POINT_RULES).write_bytes(rules.encode())
    return candidate


@pytest.fixture
def rebuilt() -> Iterator[duckdb.DuckDBPyConnection]:
    """Where the golden nights are replayed; the ledger as published is `built.main.ledger`."""
    with duckdb.connect() as connection:
        yield connection


def rebuild(golden: Run, policy: Path, connection: duckdb.DuckDBPyConnection) -> None:
    """The golden nights priced by a policy folder, in the database `warehouse`."""
    place = golden.warehouse_dir
    replay(Settings(place, place, place, 10, 0.01, 0.01, 1 << 30, publications_kept=1), policy, connection)


@pytest.mark.parametrize("table", ["decision", "ledger"])
@pytest.mark.parametrize("day", [dt.date(2025, 12, 6), dt.date(2025, 12, 31), dt.date(2026, 1, 2), THIRD])
def test_adopting_and_rebuilding_changes_no_earlier_award(
    golden: Run, seeds: Path, dearer: Path, rebuilt: duckdb.DuckDBPyConnection, table: str, day: dt.date
) -> None:
    adopt(seeds, dearer, day, "2", None)
    rebuild(golden, seeds, rebuilt)
    columns = ", ".join(row[0] for row in rebuilt.sql(f"describe warehouse.main.{table}").fetchall())
    standing, priced_anew = (
        f"select {columns} from {database}.main.{table} where occurred_on {{}} date '{day}'"  # noqa: S608
        for database in ("built", "warehouse")
    )
    earlier = rebuilt.sql(standing.format("<")).fetchall()
    assert sorted(map(str, rebuilt.sql(priced_anew.format("<")).fetchall())) == sorted(map(str, earlier))
    assert earlier
    assert rebuilt.sql(f"{standing.format('>=')} except all {priced_anew.format('>=')}").fetchall()


def test_from_that_day_on_awards_have_their_new_price(
    golden: Run, seeds: Path, dearer: Path, rebuilt: duckdb.DuckDBPyConnection
) -> None:
    """On the 3rd Ann's project brings 30 and her response 4, Dan's blast 7 and his attendance 20.

    Cat's blast has brought 2 on the 2nd; of ten responses at 4 the first four bring 4 each and the fifth the
    2 that are left under 20, so they bring 18 as before, in five awards instead of nine. The proof taken back
    was worth 100 when it was given, so 100 are taken back. The moderator's -7 stay -7, under version 1.
    """
    adopt(seeds, dearer, THIRD, "2", None)
    rebuild(golden, seeds, rebuilt)
    assert rebuilt.sql(
        """
        select rule_id, policy_version, points, count(*)
        from warehouse.main.ledger where occurred_on >= date '2026-01-03'
        group by all order by all
        """
    ).fetchall() == [
        ("adjustment", "1", -7, 1),
        ("attendance", "2", 20, 1),
        ("blast", "2", 7, 1),
        ("blast_response", "2", 2, 1),
        ("blast_response", "2", 4, 5),
        ("project_support", "2", 30, 1),
        ("proof_of_support", "1", -100, 1),
    ]
    assert rebuilt.sql(
        """
        select count(*) from warehouse.main.decision
        where decision = 'source_capped' and policy_version = '2'
        """
    ).fetchall() == [(5,)]
    # 955 in all, and 5 + 2 for Ann, 2 + 5 for Dan.
    assert rebuilt.sql("select sum(points) from warehouse.main.ledger").fetchall() == [(955 + 14,)]


# The command.


@pytest.fixture
def warehouse(tmp_path: Path, golden: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A warehouse that has published the golden nights, the last of them the 3rd."""
    place = tmp_path / "warehouse"
    place.mkdir()
    shutil.copy(golden.published_file, place)
    monkeypatch.setenv("WAREHOUSE_DIR", str(place))
    monkeypatch.setenv("DAGSTER_HOME", "")
    yield place
    let_go(warehouse_settings())


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the command prints, without colours."""
    text = io.StringIO()
    monkeypatch.setattr("orchestration.cli.adopt.console", Console(file=text, width=110))
    return text


@pytest.fixture
def command(
    seeds: Path, dearer: Path, warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """`warehouse adopt` of the dearer proposal as version 2, on seeds of its own."""
    monkeypatch.setattr("orchestration.cli.adopt.SEEDS_DIR", seeds)

    def call(day: str, version: str = "2", candidate: Path = dearer) -> Result:
        said = ["adopt", str(candidate), "--from", day, "--version", version]
        return CliRunner().invoke(app, [*said, "--warehouse-dir", str(warehouse)])

    return call


def test_the_command_shows_every_changed_line(
    seeds: Path, command: Callable[..., Result], shown: io.StringIO
) -> None:
    assert command("2026-01-04").exit_code == 0
    lines = shown.getvalue().splitlines()
    assert lines[:2] == ["--- seeds/point_rule.csv", "+++ seeds/point_rule.csv"]
    assert "-1,blast,blast,5,false,,50,,,1970-01-01,,Blasting a signal" in lines
    assert "+1,blast,blast,5,false,,50,,,1970-01-01,2026-01-04,Blasting a signal" in lines
    assert "+2,blast,blast,7,false,,50,,,2026-01-04,,Blasting a signal" in lines
    assert sum(line.startswith("+") for line in lines) == 1 + 2 * len(DEARER)
    assert lines[-1] == "Version 2 holds from 2026-01-04 on; the next `warehouse run` builds with it."
    assert problems(seeds) == []
    assert text(seeds).count("\n2,") == len(DEARER)


def test_the_command_names_the_scheduled_lines_that_give_way(
    tmp_path: Path, command: Callable[..., Result], shown: io.StringIO
) -> None:
    assert command("2026-02-01").exit_code == 0
    cheaper = folder(tmp_path / "cheaper", support=SUPPORT.replace(",10,", ",9,"))
    assert command("2026-01-15", "3", cheaper).exit_code == 0
    lines = shown.getvalue().splitlines()
    assert "Replaced: version 2 of support, which was to begin on 2026-02-01." in lines
    assert "Replaced: version 2 of blast, which was to begin on 2026-02-01." in lines
    assert sum(line.startswith("Replaced: ") for line in lines) == len(DEARER)


@pytest.mark.parametrize("day", ["2026-01-02", "2026-01-03"])
def test_the_command_prices_no_published_day_anew(
    seeds: Path, command: Callable[..., Result], day: str
) -> None:
    before = text(seeds)
    outcome = command(day)
    assert outcome.exit_code == 2
    assert f"{day} is published already" in outcome.output
    assert "priced anew is 2026-01-04" in " ".join(outcome.output.split())
    assert text(seeds) == before


def test_a_day_stays_published_after_going_back_to_an_earlier_publication(
    warehouse: Path, command: Callable[..., Result]
) -> None:
    publish_until(warehouse / "earlier.duckdb", "2026-01-01")
    (warehouse / "publications").mkdir()
    (warehouse / "analytics.duckdb").rename(warehouse / "publications" / "2026-01-03-later.duckdb")
    (warehouse / "earlier.duckdb").rename(warehouse / "analytics.duckdb")
    outcome = command("2026-01-02")
    assert outcome.exit_code == 2
    assert "priced anew is 2026-01-04" in " ".join(outcome.output.split())


def test_before_anything_is_published_any_day_will_do(
    warehouse: Path, command: Callable[..., Result]
) -> None:
    (warehouse / "analytics.duckdb").unlink()
    assert command("2020-01-01").exit_code == 0


def test_the_command_steps_back_while_a_run_holds_the_warehouse(
    seeds: Path, warehouse: Path, command: Callable[..., Result]
) -> None:
    before = text(seeds)
    with (warehouse / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        outcome = command("2026-01-04")
    assert outcome.exit_code == 3
    assert "another run" in outcome.output
    assert text(seeds) == before


def test_the_command_lists_every_problem_of_a_proposal(
    tmp_path: Path, command: Callable[..., Result]
) -> None:
    wrong = folder(
        tmp_path / "wrong", support=SUPPORT.replace(",10,", ",ten,"), score="1,0,none,1970-01-01,,\n"
    )
    outcome = command("2026-01-04", "2", wrong)
    assert outcome.exit_code == 2
    assert "point_rule.csv line 4: points is no whole number (is 'ten')" in outcome.output
    assert "score_policy.csv line 2: half_life_days must lie between 1 and 36500" in outcome.output
    assert command("2026-01-04", "2", tmp_path / "nowhere").exit_code == 2
    assert command("soon").exit_code == 2
