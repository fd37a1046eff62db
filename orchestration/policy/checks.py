"""The two CSVs of a policy, checked line by line.

The same check guards the seeds before every build and a candidate before it is replayed.
"""

import csv
import datetime as dt
from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path

from orchestration.settings import PROJECT_DIR

SEEDS_DIR = PROJECT_DIR / "seeds"
POINT_RULES = "point_rule.csv"
SCORE_POLICY = "score_policy.csv"
POLICY_FILES = (POINT_RULES, SCORE_POLICY)

MAX_POINTS = 1000
SEASONS = ("none", "quarter", "year")

Line = dict[str, str]


def problems(folder: Path) -> list[str]:
    """Everything wrong with the policy in a folder, each with its file and line; empty if it can be used."""
    found = []
    for name in POLICY_FILES:
        path = folder / name
        try:
            lines = read(path)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            found.append(f"{name}: cannot be read ({error})")
            continue
        columns = list(read(SEEDS_DIR / name)[0])
        header = next(csv.reader(path.read_text(encoding="utf-8").splitlines()), [])
        if header != columns:
            found.append(f"{name} line 1: expected the columns {','.join(columns)}")
            continue
        found += _line_problems(name, lines)
    return found


def read(path: Path) -> list[Line]:
    """The lines of a policy file by column."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def _line_problems(name: str, lines: list[Line]) -> list[str]:
    checks = RULE_CHECKS if name == POINT_RULES else SCORE_CHECKS
    found = [
        f"{name} line {number}: {column} {problem} (is {line[column]!r})"
        for number, line in enumerate(lines, start=2)
        for column, check in checks.items()
        if (problem := check(line[column] or ""))
    ]
    if found:
        return found
    key = "rule_id" if name == POINT_RULES else None
    found += _calendar_problems(name, lines, key)
    if name == POINT_RULES:
        found += _arm_problems(lines)
    elif not lines:
        found.append(f"{name}: no line at all")
    return found


def _calendar_problems(name: str, lines: list[Line], key: str | None) -> list[str]:
    """Gaps and overlaps between the periods of one rule (or of the one score policy)."""
    found = []

    def of(numbered: tuple[int, Line]) -> tuple[str, str]:
        return (numbered[1][key] if key else "", numbered[1]["valid_from"])

    numbered = sorted(enumerate(lines, start=2), key=of)
    for rule, periods in groupby(numbered, key=lambda item: of(item)[0]):
        before: Line | None = None
        for number, line in periods:
            about = f"{name} line {number}: {rule + ' ' if rule else ''}"
            if line["valid_to"] and line["valid_to"] <= line["valid_from"]:
                found.append(f"{about}ends on {line['valid_to']}, not after it begins")
            if before is not None and before["valid_to"] != line["valid_from"]:
                end = before["valid_to"] or "never"
                what = (
                    "overlaps" if not before["valid_to"] or end > line["valid_from"] else "leaves a gap after"
                )
                found.append(
                    f"{about}begins on {line['valid_from']} but {what} the line before it, ending {end}"
                )
            before = line
    return found


def _arm_problems(lines: list[Line]) -> list[str]:
    """Every rule has its SQL arm, and every arm its rule."""
    arms = {line["rule_id"]: line["activity_type"] for line in read(SEEDS_DIR / POINT_RULES)}
    found = []
    for number, line in enumerate(lines, start=2):
        rule = line["rule_id"]
        if rule not in arms:
            found.append(
                f"{POINT_RULES} line {number}: no SQL in models/recognition/acts emits the rule {rule}"
            )
        elif line["activity_type"] != arms[rule]:
            found.append(
                f"{POINT_RULES} line {number}: {rule} is of activity type {arms[rule]}, "
                f"not {line['activity_type']}"
            )
        if rule == "adjustment" and line["points"]:
            found.append(
                f"{POINT_RULES} line {number}: points of adjustment come from the moderator; leave empty"
            )
        elif rule != "adjustment" and not line["points"]:
            found.append(f"{POINT_RULES} line {number}: {rule} has no points")
        if rule == "blast_response" and not line["response_window_hours"]:
            found.append(f"{POINT_RULES} line {number}: blast_response needs response_window_hours")
    missing = sorted(arms.keys() - {line["rule_id"] for line in lines})
    return found + [f"{POINT_RULES}: no line for the rule {rule}" for rule in missing]


def _given(text: str) -> str | None:
    return None if text.strip() else "is empty"


def _any(_text: str) -> str | None:
    return None


def _day(text: str) -> str | None:
    try:
        return None if dt.date.fromisoformat(text).isoformat() == text else "is no day YYYY-MM-DD"
    except ValueError:
        return "is no day YYYY-MM-DD"


def _optional(check: Callable[[str], str | None]) -> Callable[[str], str | None]:
    return lambda text: check(text) if text else None


def _number(low: int, high: int) -> Callable[[str], str | None]:
    def check(text: str) -> str | None:
        try:
            return None if low <= int(text) <= high else f"must lie between {low} and {high}"
        except ValueError:
            return "is no whole number"

    return check


def _one_of(values: Iterable[str]) -> Callable[[str], str | None]:
    return lambda text: None if text in values else f"must be one of {', '.join(values)}"


RULE_CHECKS = {
    "policy_version": _given,
    "rule_id": _given,
    "activity_type": _given,
    "points": _optional(_number(-MAX_POINTS, MAX_POINTS)),
    "is_bonus": _one_of(("true", "false")),
    "max_points_per_award": _optional(_number(0, MAX_POINTS)),
    "daily_cap_points": _optional(_number(0, 1_000_000)),
    "cap_per_source": _optional(_number(0, 1_000_000)),
    "response_window_hours": _optional(_number(1, 8_760)),
    "valid_from": _day,
    "valid_to": _optional(_day),
    "description": _any,
}
SCORE_CHECKS = {
    "policy_version": _given,
    "half_life_days": _optional(_number(1, 36_500)),
    "season_length": _one_of(SEASONS),
    "valid_from": _day,
    "valid_to": _optional(_day),
    "description": _any,
}
