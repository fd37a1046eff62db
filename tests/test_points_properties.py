"""Whatever members do, in whatever order it arrives: caps hold, every act is decided, sums are explained."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import duckdb
import pytest
from conftest import uid
from golden.world import compiled_sql, golden_run
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oracles import Caps

from orchestration.settings import PROJECT_DIR

START = dt.datetime(2026, 1, 1)
AS_OF = START + dt.timedelta(days=4)
MEMBERS = range(1, 4)
STRANGER = 9
# Small caps, none a multiple of its price, so that they are reached and leave a rest.
RULES: dict[str, dict[str, int | None]] = {
    "blast_response": {"points": 2, "daily_cap_points": 7, "cap_per_source": 5},
    "support": {"points": 10, "daily_cap_points": 25},
    "blast": {"points": 5, "cap_per_source": 3},
    "attendance": {"points": 15},
    "proof_of_support": {"points": 100, "daily_cap_points": 150},
    "adjustment": {"points": None, "max_points_per_award": 1000},
}
INPUTS = (
    "act", "point_rule", "band_membership", "known_signal", "known_event", "known_project",
    "stg_users_history", "home_scene", "scene", "as_of",
)  # fmt: skip
REFUSED = {"not_verified", "unknown_member", "self_award", "duplicate_act"}
REASONS = REFUSED | {"source_capped", "daily_capped"}

Row = dict[str, Any]


def version(rule: str, terms: dict[str, int | None], *days: dt.date) -> Row:
    """A line of the policy: what a rule says from a day on, and until another."""
    valid = dict(zip(("valid_from", "valid_to"), days, strict=False))
    return {
        "policy_version": "1",
        "rule_id": rule,
        "activity_type": rule,
        "is_bonus": False,
        **terms,
        **valid,
    }


STEADY = [version(rule, terms, dt.date(1970, 1, 1)) for rule, terms in RULES.items()]


@dataclass(frozen=True)
class Act:
    """What happened, as far as it matters here; the rest follows from it."""

    rule: str
    user: int
    hours: int
    thing: int = 1
    is_own: bool = False
    is_verified: bool = True
    claimed: int = 0
    taken_back_after: int | None = None

    def row(self, number: int) -> Row:
        """The row of `act`, with an id of its own."""
        at = START + dt.timedelta(hours=self.hours)
        is_proof, back = self.rule == "proof_of_support", self.taken_back_after
        return {
            "act_id": uid(90, number),
            "rule_id": self.rule,
            "source_table": "made_up",
            "source_id": uid(91, number),
            "tie_order": uid(91, 999 - number),
            "user_id": uid(1, self.user),
            "occurred_at": at,
            "occurred_on": at.date(),
            "export_date": at.date(),
            "delivery_id": uid(92, 1),
            "credited_source_id": uid(93, self.thing) if self.rule == "blast_response" else None,
            "once_id": uid(94, self.thing) if is_proof or self.rule == "attendance" else None,
            "counterpart_user_id": uid(1, self.user) if self.is_own else None,
            "claimed_points": self.claimed if self.rule == "adjustment" else None,
            "is_verified": self.is_verified or not is_proof,
            "reversed_at": at + dt.timedelta(hours=back) if is_proof and back is not None else None,
        }


ACTS = st.lists(
    st.builds(
        Act,
        rule=st.sampled_from([*RULES, "blast_response", "support"]),
        user=st.sampled_from([*MEMBERS, STRANGER]),
        hours=st.integers(0, 71),
        thing=st.integers(1, 2),
        is_own=st.sampled_from([False] * 5 + [True]),
        is_verified=st.sampled_from([True, True, False]),
        claimed=st.integers(-1500, 1500),
        taken_back_after=st.none() | st.integers(0, 72),
    ),
    max_size=60,
)
# One member, one day, one blast: every check is passed and failed, and every cap leaves a rest.
EVERYTHING = [
    *(Act("blast_response", 1, hour) for hour in range(4)),
    *(Act("blast_response", 1, hour, thing=2) for hour in range(4, 8)),
    *(Act("support", 1, hour) for hour in range(4)),
    Act("blast", 1, 1),
    Act("blast", 1, 2, is_own=True),
    Act("attendance", 1, 3),
    Act("attendance", 1, 4),
    Act("attendance", STRANGER, 4),
    Act("proof_of_support", 1, 5, taken_back_after=30),
    Act("proof_of_support", 1, 6, thing=2, taken_back_after=90),
    Act("proof_of_support", 1, 7, thing=2, is_verified=False),
    Act("adjustment", 1, 8, claimed=-5000),
]


@dataclass
class Scoring:
    """The SQL of `claim`, `decision`, `ledger` as dbt compiled it, over tables that hold what one wants."""

    connection: duckdb.DuckDBPyConnection
    sql: dict[str, str]
    columns: dict[str, list[str]] = field(default_factory=dict)

    def fill(self, table: str, rows: list[Row]) -> None:
        """Replace the rows of a table; columns not named are null."""
        self.connection.execute(f"delete from {table}")  # noqa: S608
        names = self.columns[table]
        if rows:
            self.connection.executemany(
                f"insert into {table} values ({', '.join('?' * len(names))})",  # noqa: S608
                [[row.get(name) for name in names] for row in rows],
            )

    def score(self, rows: list[Row], policy: list[Row] | None = None) -> tuple[list[Row], list[Row]]:
        """What is decided about acts, and the ledger that follows; under the steady rules if not told."""
        self.fill("point_rule", policy or STEADY)
        self.fill("act", rows)
        for model in ("self_award", "claim", "decision"):
            self.connection.execute(f"create or replace table {model} as {self.sql[model]}")
        return self._rows("from decision order by act_id"), self._rows(
            f"from ({self.sql['ledger']}) order by ledger_id"
        )

    def _rows(self, query: str) -> list[Row]:
        result = self.connection.sql(query)
        return [dict(zip(result.columns, row, strict=True)) for row in result.fetchall()]


@pytest.fixture(scope="module")
def scoring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scoring]:
    """Empty tables of the types the golden nights have, in memory, and three members."""
    golden = golden_run(tmp_path_factory)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{golden.warehouse_dir / 'warehouse.duckdb'}' as built (read_only)")
        connection.execute("attach ':memory:' as warehouse; use warehouse")
        laboratory = Scoring(connection, compiled_sql(golden))
        for table in INPUTS:
            connection.execute(f"create table {table} as from built.main.{table} limit 0")
            laboratory.columns[table] = connection.table(table).columns
        connection.execute("detach built")
        laboratory.fill("stg_users_history", [{"user_id": uid(1, number)} for number in MEMBERS])
        laboratory.fill("as_of", [{"as_of_date": (AS_OF - dt.timedelta(days=1)).date(), "as_of": AS_OF}])
        yield laboratory


# Every day may bring a cap, raise it, lower it, or take it away; what takes points away has none.
CAP = st.none() | st.integers(0, 9)
TERMS = st.fixed_dictionaries(
    {"points": st.integers(0, 4), "daily_cap_points": CAP, "cap_per_source": CAP}
) | st.fixed_dictionaries({"points": st.integers(-3, -1)})
CHANGING = ("blast_response", "blast", "support")
POLICIES = st.fixed_dictionaries({rule: st.tuples(TERMS, TERMS, TERMS) for rule in CHANGING})
# Two blasts, answered so often that every one of them meets every version.
ANSWERS = st.lists(
    st.builds(
        Act,
        rule=st.sampled_from(["blast_response"] * 4 + list(CHANGING)),
        user=st.sampled_from([1, 1, 2]),
        hours=st.integers(0, 71),
        thing=st.integers(1, 2),
        is_own=st.sampled_from([False] * 5 + [True]),
    ),
    min_size=20,
    max_size=60,
)


def in_any_world(test: Callable[..., None]) -> Callable[..., None]:
    """Try a property in worlds of all kinds, one of them known to reach everything."""
    limits = settings(max_examples=40, deadline=None)
    return limits(example(acts=EVERYTHING)(given(acts=ACTS)(test)))


def rows_of(acts: list[Act]) -> list[Row]:
    """One row per act."""
    return [act.row(number) for number, act in enumerate(acts)]


def test_that_world_reaches_everything(scoring: Scoring) -> None:
    decisions, ledger = scoring.score(rows_of(EVERYTHING))
    assert {row["decision"] for row in decisions} == REASONS | {"awarded"}
    assert {row["capped_by"] for row in decisions if row["is_awarded"]} == {None, "source", "daily"}
    assert sum(row["reverses_act_id"] is not None for row in ledger) == 1


@in_any_world
def test_no_cap_is_exceeded_and_none_withholds_what_lies_under_it(scoring: Scoring, acts: list[Act]) -> None:
    decisions, _ = scoring.score(rows_of(acts))
    daily: Counter[tuple[object, ...]] = Counter()
    by_source: Counter[tuple[object, ...]] = Counter()
    asked: Counter[tuple[object, ...]] = Counter()
    for row in decisions:
        source = row["rule_id"], row["credited_source_id"] or row["source_id"]
        day = row["rule_id"], row["user_id"], row["occurred_on"]
        daily[day] += row["points"]
        by_source[source] += row["points"]
        if row["decision"] in ("awarded", "source_capped", "daily_capped"):
            asked[day] += row["price"]
    for (rule, *what), points in daily.items():
        cap = RULES[rule].get("daily_cap_points")
        if cap is not None:
            assert points <= cap
            if RULES[rule].get("cap_per_source") is None:
                assert points == min(cap, asked[rule, *what])
    for (rule, _), points in by_source.items():
        cap = RULES[rule].get("cap_per_source")
        assert cap is None or points <= cap
    for row in decisions:
        assert abs(row["points"]) <= 1000
        assert row["rule_id"] == "adjustment" or 0 <= row["points"] <= row["price"]


@in_any_world
def test_every_act_is_decided_once_and_what_is_less_says_why(scoring: Scoring, acts: list[Act]) -> None:
    rows = rows_of(acts)
    decisions, _ = scoring.score(rows)
    assert sorted(str(row["act_id"]) for row in decisions) == sorted(row["act_id"] for row in rows)
    for row in decisions:
        assert row["decision"] in REASONS | {"awarded"}
        assert row["is_awarded"] == (row["decision"] == "awarded")
        if not row["is_awarded"]:
            assert row["points"] == 0
        assert (
            row["is_awarded"] or row["decision"] not in ("source_capped", "daily_capped") or row["capped_by"]
        )
        if row["is_awarded"]:
            assert (row["points"] == row["price"]) == (row["capped_by"] is None)


@in_any_world
def test_the_order_in_which_rows_arrive_changes_nothing(scoring: Scoring, acts: list[Act]) -> None:
    rows = rows_of(acts)
    scored = scoring.score(rows)
    assert scoring.score(rows[::-1]) == scored
    assert scoring.score(rows[1::2] + rows[::2]) == scored


@in_any_world
def test_the_ledger_is_what_was_awarded_and_what_was_taken_back(scoring: Scoring, acts: list[Act]) -> None:
    decisions, ledger = scoring.score(rows_of(acts))
    awards = {row["ledger_id"]: row for row in ledger if row["reverses_act_id"] is None}
    reversals = [row for row in ledger if row["reverses_act_id"] is not None]
    decided = {row["act_id"]: row["points"] for row in decisions if row["is_awarded"]}
    assert {act: row["points"] for act, row in awards.items()} == decided
    due = [
        row for row in decisions if row["is_awarded"] and row["reversed_at"] and row["reversed_at"] < AS_OF
    ]
    assert sorted(row["reverses_act_id"] for row in reversals) == sorted(row["act_id"] for row in due)
    for reversal in reversals:
        award = awards[reversal["reverses_act_id"]]
        assert reversal["points"] == -award["points"]
        assert reversal["occurred_at"] >= award["occurred_at"]
        for column in ("user_id", "scene_id", "rule_id", "policy_version", "source_id"):
            assert reversal[column] == award[column]
    kept = sum(row["points"] for row in decisions) - sum(row["points"] for row in due)
    assert sum(row["points"] for row in ledger) == kept


@in_any_world
def test_taking_back_brings_the_sum_back_and_frees_nothing(scoring: Scoring, acts: list[Act]) -> None:
    """Decisions are the same whether or not points are taken back; these count as if never paid."""
    rows = rows_of(acts)
    decisions, ledger = scoring.score(rows)
    steady, without = scoring.score([row | {"reversed_at": None} for row in rows])
    assert [row["points"] for row in decisions] == [row["points"] for row in steady]
    gone = {row["reverses_act_id"] for row in ledger} - {None}
    never_paid = sum(row["points"] for row in without if row["act_id"] not in gone)
    assert sum(row["points"] for row in ledger) == never_paid


def day(number: int) -> dt.date:
    """A day of these worlds; 0 is the first."""
    return START.date() + dt.timedelta(days=number)


@settings(max_examples=150, deadline=None)
@given(acts=ANSWERS, policy=POLICIES)
def test_claims_of_a_source_count_under_whatever_version_paid_or_not(
    scoring: Scoring, acts: list[Act], policy: dict[str, tuple[dict[str, int | None], ...]]
) -> None:
    """The second calculation (oracles.py), claim after claim; no two acts share an instant here."""
    rows = [
        row | {"occurred_at": row["occurred_at"] + dt.timedelta(minutes=number)}
        for number, row in enumerate(rows_of(acts))
    ]
    changing = [
        version(rule, terms, day(number), day(number + 1))
        for rule, days in policy.items()
        for number, terms in enumerate(days)
    ]
    decisions, _ = scoring.score(
        rows, changing + [line for line in STEADY if line["rule_id"] not in CHANGING]
    )
    caps = Caps()
    for row in sorted(decisions, key=itemgetter("occurred_at")):
        if row["rule_id"] not in CHANGING or row["decision"] in REFUSED:
            continue
        rule, today = row["rule_id"], row["occurred_on"]
        terms = policy[rule][(today - day(0)).days]
        source = rule, row["credited_source_id"] or row["source_id"]
        can_pay, pays = caps.leave(
            source, (rule, row["user_id"], today), terms["points"],
            terms.get("cap_per_source"), terms.get("daily_cap_points"),
        )  # fmt: skip
        assert row["points"] == pays
        assert row["capped_by"] == (
            "daily" if pays < can_pay else "source" if can_pay < terms["points"] else None
        )


def test_caps_count_as_the_example_of_the_docs_says(scoring: Scoring) -> None:
    """The table of docs/propose-a-scoring-table.md, a new version of the rule for each of its days."""
    page = (PROJECT_DIR / "docs" / "propose-a-scoring-table.md").read_text()
    _, table = page.split("| day | answer |")
    cells = [line.strip("| ").split(" | ") for line in table.split("\n\n")[0].splitlines()[2:]]
    versions = {
        int(number): {
            "points": 2,
            "cap_per_source": None if cap == "—" else int(cap),
            "daily_cap_points": None if daily == "—" else int(daily),
        }
        for number, _, cap, daily, *_ in cells
    }
    policy = [
        version("blast_response", terms, day(number), day(number + 1)) for number, terms in versions.items()
    ]
    answers = [Act("blast_response", 1, 24 * int(number) + hour) for hour, (number, *_) in enumerate(cells)]
    decisions, _ = scoring.score(rows_of(answers), policy)
    assert [(row["points"], f"`{row['decision']}`") for row in decisions] == [
        (int(pays), decision) for *_, pays, decision in cells
    ]
    assert [int(before) for _, _, _, _, before, _, _ in cells] == [2 * n for n in range(len(cells))]
    assert len(versions) == 5
