"""A policy is checked line by line, and every mistake is named with its line."""

from pathlib import Path

import pytest
from policies import first_policy

from orchestration.policy.checks import POINT_RULES, SCORE_POLICY, SEEDS_DIR, problems

SUPPORT = "1,support,support,10,false,,50,,,1970-01-01,,Supporting a signal\n"
RESPONSE = "1,blast_response,blast,2,false,,60,20,168,1970-01-01,,"
SCORE = "1,,none,1970-01-01,,"


@pytest.fixture
def candidate(tmp_path: Path) -> Path:
    """A policy without problems, to be changed."""
    return first_policy(tmp_path)


def change(candidate: Path, name: str, old: str, new: str) -> None:
    """Change one place of a candidate."""
    text = (candidate / name).read_bytes().decode()
    assert text.count(old) == 1
    (candidate / name).write_bytes(text.replace(old, new).encode())


def test_the_seeds_are_a_policy_without_problems() -> None:
    assert problems(SEEDS_DIR) == []


def test_a_new_version_that_begins_where_the_old_one_ends_is_no_problem(candidate: Path) -> None:
    ended = SUPPORT.replace("1970-01-01,,", "1970-01-01,2026-03-01,")
    begun = "2,support,support,12,false,,60,,,2026-03-01,,Supporting a signal\n"
    change(candidate, POINT_RULES, SUPPORT, ended + begun)
    assert problems(candidate) == []


WRONG_SUPPORT = {
    "points that are no number": (
        SUPPORT.replace("10", "ten"),
        "line 4: points is no whole number (is 'ten')",
    ),
    "points with a fraction": (
        SUPPORT.replace("10", "9.5"),
        "line 4: points is no whole number (is '9.5')",
    ),
    "too many points": (
        SUPPORT.replace("10", "1001"),
        "line 4: points must lie between -1000 and 1000 (is '1001')",
    ),
    "too many points taken": (
        SUPPORT.replace(",10,false,,50,", ",-1001,false,,,"),
        "line 4: points must lie between -1000 and 1000 (is '-1001')",
    ),
    "no points": (SUPPORT.replace("10", ""), "line 4: support has no points"),
    "a bonus or not": (
        SUPPORT.replace("false", "maybe"),
        "line 4: is_bonus must be one of true, false (is 'maybe')",
    ),
    **{
        f"points written as {points!r}": (
            SUPPORT.replace(",10,", f",{points},"),
            f"line 4: points is no whole number in plain digits (is {points!r})",
        )
        for points in (" 10", "10 ", "+10", "1_0", "\uff11\uff10", "010", "-0")
    },
    **{
        f"a version called {version!r}": (
            SUPPORT.replace("1,", f"{version},", 1),
            f"line 4: policy_version may hold only letters, digits and . _ -, no space (is {version!r})",
        )
        for version in (" 1", "1 ", "one/two", "-1", "\u0661")
    },
    "a space after an id": (
        SUPPORT.replace("1,support,", "1,support ,"),
        "line 4: rule_id may hold only letters, digits and . _ -, no space (is 'support ')",
    ),
    "a field too many": (
        SUPPORT.replace("Supporting a signal", "Supporting, a signal"),
        "line 4: has 13 fields, not 12; a text with a comma needs double quotes",
    ),
    "a field too few": (
        SUPPORT.replace(",Supporting a signal", ""),
        "line 4: has 11 fields, not 12; a text with a comma needs double quotes",
    ),
    "a blank line": ("\n" + SUPPORT, "line 4: is blank; take it out"),
    "a line of spaces": (
        "  \n" + SUPPORT,
        "line 4: has 1 fields, not 12; a text with a comma needs double quotes",
    ),
    "one line end unlike the others": (
        SUPPORT.replace("\n", "\r\n"),
        "line 4: does not end as the first line does; let all end in LF, or all in CRLF",
    ),
    "the same beginning twice": (SUPPORT + SUPPORT, "line 5: support begins on 1970-01-01 as line 4 does"),
    "the same beginning twice, and an end": (
        SUPPORT.replace("1970-01-01,,", "1970-01-01,2026-03-01,") + SUPPORT,
        "line 5: support begins on 1970-01-01 as line 4 does",
    ),
    "what is wrong below a text of three lines": (
        SUPPORT.replace("Supporting a signal", '"Supporting\n\na signal"') + SUPPORT.replace("10", "ten"),
        "line 7: points is no whole number (is 'ten')",
    ),
    "what is wrong in a line with a text of two lines": (
        SUPPORT.replace("10", "ten").replace("Supporting a signal", '"Supporting\u2028\na signal"'),
        "line 4: points is no whole number (is 'ten')",
    ),
    "a cap below zero": (
        SUPPORT.replace("50", "-1"),
        "line 4: daily_cap_points must lie between 0 and 1000000 (is '-1')",
    ),
    "no version": (SUPPORT.replace("1,", ",", 1), "line 4: policy_version is empty (is '')"),
    "no beginning": (
        SUPPORT.replace("1970-01-01", ""),
        "line 4: valid_from is no day YYYY-MM-DD (is '')",
    ),
    "a day written in another way": (
        SUPPORT.replace("1970-01-01", "19700101"),
        "line 4: valid_from is no day YYYY-MM-DD (is '19700101')",
    ),
    "an end that is no day": (
        SUPPORT.replace("1970-01-01,,", "1970-01-01,never,"),
        "line 4: valid_to is no day YYYY-MM-DD (is 'never')",
    ),
    "an end on the day it begins": (
        SUPPORT.replace("1970-01-01,,", "1970-01-01,1970-01-01,"),
        "line 4: support ends on 1970-01-01, not after it begins",
    ),
    "another kind of activity": (
        SUPPORT.replace("support,support", "support,project"),
        "line 4: support is of activity type support, not project",
    ),
    "a gap": (
        SUPPORT.replace("1970-01-01,,", "1970-01-01,2026-03-01,")
        + "2,support,support,12,false,,60,,,2026-03-02,,Supporting a signal\n",
        "line 5: support begins on 2026-03-02 but leaves a gap after line 4, ending 2026-03-01",
    ),
    "an overlap of a day": (
        SUPPORT.replace("1970-01-01,,", "1970-01-01,2026-03-01,")
        + "2,support,support,12,false,,60,,,2026-02-28,,Supporting a signal\n",
        "line 5: support begins on 2026-02-28 but overlaps line 4, ending 2026-03-01",
    ),
    "an overlap with what never ends": (
        SUPPORT + "2,support,support,12,false,,60,,,2026-03-01,,Supporting a signal\n",
        "line 5: support begins on 2026-03-01 but overlaps line 4, ending never",
    ),
    "a rule nothing emits": (
        SUPPORT + "1,applause,support,1,false,,,,,1970-01-01,,Clapping\n",
        "line 5: no SQL in models/recognition/acts emits the rule applause",
    ),
}


@pytest.mark.parametrize(("lines", "problem"), WRONG_SUPPORT.values(), ids=WRONG_SUPPORT)
def test_a_wrong_line_is_named_with_what_is_wrong(candidate: Path, lines: str, problem: str) -> None:
    change(candidate, POINT_RULES, SUPPORT, lines)
    assert problems(candidate) == [f"point_rule.csv {problem}"]


def test_a_rule_without_a_line_is_missed(candidate: Path) -> None:
    change(candidate, POINT_RULES, SUPPORT, "")
    assert problems(candidate) == ["point_rule.csv: no line for the rule support"]


def test_a_response_needs_a_window(candidate: Path) -> None:
    change(candidate, POINT_RULES, RESPONSE, RESPONSE.replace("168", ""))
    assert problems(candidate) == ["point_rule.csv line 3: blast_response needs response_window_hours"]


def test_points_of_an_adjustment_are_the_moderators(candidate: Path) -> None:
    change(candidate, POINT_RULES, "adjustment,adjustment,,", "adjustment,adjustment,5,")
    assert problems(candidate) == [
        "point_rule.csv line 12: points of adjustment come from the moderator; leave empty"
    ]


BOUND = "adjustment,adjustment,,false,1000,"


def test_what_a_moderator_may_give_at_once_bounds_every_rule(candidate: Path) -> None:
    change(candidate, POINT_RULES, SUPPORT, SUPPORT.replace(",10,", ",1600,"))
    change(candidate, POINT_RULES, BOUND, BOUND.replace("1000", "1500"))
    assert problems(candidate) == [
        "point_rule.csv line 4: points must lie between -1500 and 1500 (is '1600')"
    ]
    change(candidate, POINT_RULES, ",1500,", ",1600,")
    assert problems(candidate) == []


def test_a_lower_bound_for_moderators_leaves_prices_alone(candidate: Path) -> None:
    change(candidate, POINT_RULES, BOUND, BOUND.replace("1000", "50"))
    assert problems(candidate) == []


def test_a_moderator_has_a_bound(candidate: Path) -> None:
    change(candidate, POINT_RULES, BOUND, BOUND.replace("1000", ""))
    assert problems(candidate) == [
        "point_rule.csv line 12: adjustment needs max_points_per_award, the most that a moderator may give "
        "or take at once"
    ]


NO_CAP = "can take points away, and a cap says how much can be earned; leave"


@pytest.mark.parametrize(
    ("line", "capped", "problem"),
    [
        (f"{BOUND},,,", f"{BOUND}50,,,", f"line 12: adjustment {NO_CAP} daily_cap_points empty (is '50')"),
        (f"{BOUND},,,", f"{BOUND},20,,", f"line 12: adjustment {NO_CAP} cap_per_source empty (is '20')"),
        (",support,10,", ",support,-10,", f"line 4: support {NO_CAP} daily_cap_points empty (is '50')"),
    ],
)
def test_what_can_take_points_away_has_no_cap(candidate: Path, line: str, capped: str, problem: str) -> None:
    change(candidate, POINT_RULES, line, capped)
    assert problems(candidate) == [f"point_rule.csv {problem}"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1,0,none,1970-01-01,,", "half_life_days must lie between 1 and 36500 (is '0')"),
        ("1,a month,none,1970-01-01,,", "half_life_days is no whole number (is 'a month')"),
        ("1,,month,1970-01-01,,", "season_length must be one of none, quarter, year (is 'month')"),
        ("1,,,1970-01-01,,", "season_length must be one of none, quarter, year (is '')"),
        ("1,,none,1970-02-30,,", "valid_from is no day YYYY-MM-DD (is '1970-02-30')"),
        ("1,,none,1970-01-02,1970-01-01,", "ends on 1970-01-01, not after it begins"),
    ],
)
def test_a_wrong_score_policy_is_named(candidate: Path, line: str, problem: str) -> None:
    change(candidate, SCORE_POLICY, SCORE, line)
    assert problems(candidate) == [f"score_policy.csv line 2: {problem}"]


def test_a_score_policy_says_something(candidate: Path) -> None:
    (candidate / SCORE_POLICY).write_text((SEEDS_DIR / SCORE_POLICY).read_text().splitlines()[0] + "\n")
    assert problems(candidate) == ["score_policy.csv: no line at all"]


def test_columns_are_those_of_the_seeds(candidate: Path) -> None:
    columns = (SEEDS_DIR / POINT_RULES).read_text().splitlines()[0]
    change(candidate, POINT_RULES, columns, columns.replace("points,", "value,", 1))
    assert problems(candidate) == [f"point_rule.csv line 1: expected the columns {columns}"]


def test_a_byte_order_mark_is_named(candidate: Path) -> None:
    file = candidate / POINT_RULES
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert problems(candidate) == [
        "point_rule.csv line 1: begins with a byte order mark; save it as UTF-8 without one"
    ]


def test_lines_that_all_end_in_crlf_are_no_problem(candidate: Path) -> None:
    for name in (POINT_RULES, SCORE_POLICY):
        file = candidate / name
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert problems(candidate) == []


def test_lines_that_end_in_a_bare_carriage_return_are_named(candidate: Path) -> None:
    file = candidate / SCORE_POLICY
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r"))
    assert problems(candidate) == [
        "score_policy.csv line 2: does not end as the first line does; let all end in LF, or all in CRLF"
    ]


def test_a_last_line_without_an_end_is_no_problem(candidate: Path) -> None:
    file = candidate / POINT_RULES
    file.write_bytes(file.read_bytes().rstrip(b"\n"))
    assert problems(candidate) == []


def test_an_empty_file_lacks_its_columns(candidate: Path) -> None:
    (candidate / SCORE_POLICY).write_text("")
    (problem,) = problems(candidate)
    assert problem.startswith("score_policy.csv line 1: expected the columns policy_version,")


def test_a_file_in_another_encoding_cannot_be_read(candidate: Path) -> None:
    (candidate / SCORE_POLICY).write_bytes("1,,none,1970-01-01,,für immer".encode("latin-1"))
    (problem,) = problems(candidate)
    assert problem.startswith("score_policy.csv: cannot be read (")


def test_every_problem_of_both_files_is_listed(candidate: Path) -> None:
    change(candidate, POINT_RULES, SUPPORT, SUPPORT.replace("10", "ten").replace("false", "no"))
    change(candidate, POINT_RULES, RESPONSE, RESPONSE.replace("168", "0"))
    change(candidate, SCORE_POLICY, SCORE, "1,0,none,1970-01-01,,")
    assert problems(candidate) == [
        "point_rule.csv line 3: response_window_hours must lie between 1 and 8760 (is '0')",
        "point_rule.csv line 4: points is no whole number (is 'ten')",
        "point_rule.csv line 4: is_bonus must be one of true, false (is 'no')",
        "score_policy.csv line 2: half_life_days must lie between 1 and 36500 (is '0')",
    ]


def test_a_folder_that_is_not_there_is_named_once(candidate: Path) -> None:
    assert problems(candidate / "mistyped") == [f"there is no folder {candidate}/mistyped"]


def test_a_file_that_is_not_there_cannot_be_read(candidate: Path) -> None:
    (candidate / SCORE_POLICY).unlink()
    (problem,) = problems(candidate)
    assert problem.startswith("score_policy.csv: cannot be read (")
