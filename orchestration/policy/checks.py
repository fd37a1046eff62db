"""The two CSVs of a policy, checked line by line.

The same check guards the seeds before every build, a candidate before it is replayed or adopted, and the
result of its adoption.
"""

import csv
import datetime as dt
import io
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

from orchestration.settings import PROJECT_DIR

SEEDS_DIR = PROJECT_DIR / "seeds"
POINT_RULES = "point_rule.csv"
SCORE_POLICY = "score_policy.csv"
POLICY_FILES = (POINT_RULES, SCORE_POLICY)

SEASONS = ("none", "quarter", "year")
BYTE_ORDER_MARK = "\ufeff"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Line:
    """One line of a policy file; a quoted text may spread it over several lines of an editor.

    The number is that of its first line in an editor. The text is exactly what stands there, to the last
    byte.
    """

    number: int
    text: str
    fields: list[str]
    values: dict[str, str]

    def __getitem__(self, column: str) -> str:
        """The value in a column."""
        return self.values[column]

    @property
    def end(self) -> str:
        """How the line ends: LF or CRLF; empty if the file ends without a line break."""
        return self.text[len(self.text.rstrip("\r\n")) :]


def problems(folder: Path) -> list[str]:
    """Everything wrong with the policy in a folder, each with its file and line; empty if it can be used."""
    if not folder.is_dir():
        return [f"there is no folder {folder}"]
    found = []
    for name in POLICY_FILES:
        try:
            lines = read(folder / name)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            found.append(f"{name}: cannot be read ({error})")
        else:
            found += _header_problems(name, lines) or _line_problems(name, lines)
    return found


def read(path: Path) -> list[Line]:
    """The lines of a policy file, the header first.

    Raises:
        OSError, UnicodeDecodeError, csv.Error: the file cannot be read, or is no CSV in UTF-8.
    """
    # Lines as an editor counts them; str.splitlines() would also break at other characters.
    written = list(io.StringIO(path.read_bytes().decode(), newline=""))
    reader = csv.reader(written, strict=True)
    lines: list[Line] = []
    begin = 0
    for fields in reader:
        columns = lines[0].fields if lines else fields
        text = "".join(written[begin : reader.line_num])
        lines.append(Line(begin + 1, text, fields, dict(zip(columns, fields, strict=False))))
        begin = reader.line_num
    return lines


def key_of(name: str, line: Line) -> str:
    """The key that has one line at any time: the rule; a score policy has one key for all lines."""
    return line["rule_id"] if name == POINT_RULES else ""


def by_key(name: str, lines: list[Line]) -> list[tuple[str, list[Line]]]:
    """The lines of each rule (or of the one score policy), oldest first."""

    def order(line: Line) -> tuple[str, str]:
        return key_of(name, line), line["valid_from"]

    return [
        (key, list(own)) for key, own in groupby(sorted(lines, key=order), lambda line: key_of(name, line))
    ]


def _header_problems(name: str, lines: list[Line]) -> list[str]:
    columns = list(CHECKS[name])
    if lines and lines[0].text.startswith(BYTE_ORDER_MARK):
        return [f"{name} line 1: begins with a byte order mark; save it as UTF-8 without one"]
    if not lines or lines[0].fields != columns:
        return [f"{name} line 1: expected the columns {','.join(columns)}"]
    return []


def _line_problems(name: str, lines: list[Line]) -> list[str]:
    header, *lines = lines
    found = [
        f"{name} line {line.number}: {problem}"
        for line in lines
        for problem in _shape_problems(header, line) or _value_problems(CHECKS[name], line)
    ]
    if found:
        return found
    found += _calendar_problems(name, lines)
    if name == POINT_RULES:
        found += _arm_problems(lines) + _cap_problems(lines)
    elif not lines:
        found.append(f"{name}: no line at all")
    return found


def _shape_problems(header: Line, line: Line) -> list[str]:
    if not line.fields:
        return ["is blank; take it out"]
    if len(line.fields) != len(header.fields):
        found = f"has {len(line.fields)} fields, not {len(header.fields)}"
        return [f"{found}; a text with a comma needs double quotes"]
    if line.end == "\r" or line.end not in ("", header.end):
        return ["does not end as the first line does; let all end in LF, or all in CRLF"]
    return []


def _value_problems(checks: dict[str, Callable[[str], str | None]], line: Line) -> list[str]:
    return [
        f"{column} {problem} (is {line[column]!r})"
        for column, check in checks.items()
        if (problem := check(line[column]))
    ]


def _calendar_problems(name: str, lines: list[Line]) -> list[str]:
    """Gaps and overlaps between the periods of one rule (or of the one score policy)."""
    found = []
    for key, periods in by_key(name, lines):
        rule = key and f"{key} "
        for line in periods:
            if line["valid_to"] and line["valid_to"] <= line["valid_from"]:
                found.append(
                    f"{name} line {line.number}: {rule}ends on {line['valid_to']}, not after it begins"
                )
        for before, line in pairwise(periods):
            begins, end = line["valid_from"], before["valid_to"]
            about = f"{name} line {line.number}: {rule}begins on {begins}"
            if begins == before["valid_from"]:
                found.append(f"{about} as line {before.number} does")
            elif not end or end > begins:
                found.append(f"{about} but overlaps line {before.number}, ending {end or 'never'}")
            elif end < begins:
                found.append(f"{about} but leaves a gap after line {before.number}, ending {end}")
    return found


def _arm_problems(lines: list[Line]) -> list[str]:
    """Every rule has its SQL arm, and every arm its rule."""
    _, *known = read(SEEDS_DIR / POINT_RULES)
    arms = {line["rule_id"]: line["activity_type"] for line in known}
    # No price is higher than the most that a moderator could ever give at once. Lowering that changes no
    # price.
    bounds = [line["max_points_per_award"] for line in known + lines if line["rule_id"] == "adjustment"]
    most = max((int(bound) for bound in bounds if bound.isdecimal()), default=0)
    found = []
    for line in lines:
        rule = line["rule_id"]
        about = f"{POINT_RULES} line {line.number}:"
        if rule not in arms:
            found.append(f"{about} no SQL in models/recognition/acts emits the rule {rule}")
        elif line["activity_type"] != arms[rule]:
            found.append(f"{about} {rule} is of activity type {arms[rule]}, not {line['activity_type']}")
        if rule == "adjustment" and line["points"]:
            found.append(f"{about} points of adjustment come from the moderator; leave empty")
        elif rule == "adjustment" and not line["max_points_per_award"]:
            needs = "max_points_per_award, the most that a moderator may give or take at once"
            found.append(f"{about} adjustment needs {needs}")
        elif rule != "adjustment" and not line["points"]:
            found.append(f"{about} {rule} has no points")
        elif most and line["points"] and abs(int(line["points"])) > most:
            found.append(f"{about} points must lie between -{most} and {most} (is {line['points']!r})")
        if rule == "blast_response" and not line["response_window_hours"]:
            found.append(f"{about} blast_response needs response_window_hours")
    missing = sorted(arms.keys() - {line["rule_id"] for line in lines})
    return found + [f"{POINT_RULES}: no line for the rule {rule}" for rule in missing]


def _cap_problems(lines: list[Line]) -> list[str]:
    """A cap says how much can be earned, so a rule that can take points away must have none."""
    return [
        f"{POINT_RULES} line {line.number}: {line['rule_id']} can take points away, "
        f"and a cap says how much can be earned; leave {cap} empty (is {line[cap]!r})"
        for line in lines
        for cap in ("daily_cap_points", "cap_per_source")
        if line[cap] and (line["rule_id"] == "adjustment" or line["points"].startswith("-"))
    ]


def name_problem(text: str) -> str | None:
    """What is wrong with an id or the name of a version, if anything."""
    if not text:
        return "is empty"
    return None if NAME.fullmatch(text) else "may hold only letters, digits and . _ -, no space"


def _any(_text: str) -> str | None:
    return None


def _day(text: str) -> str | None:
    try:
        return None if dt.date.fromisoformat(text).isoformat() == text else "is no day YYYY-MM-DD"
    except ValueError:
        return "is no day YYYY-MM-DD"


def _optional(check: Callable[[str], str | None]) -> Callable[[str], str | None]:
    return lambda text: check(text) if text else None


def _number(low: float = -math.inf, high: float = math.inf) -> Callable[[str], str | None]:
    def check(text: str) -> str | None:
        try:
            number = int(text)
        except ValueError:
            return "is no whole number"
        if str(number) != text:  # int() also takes spaces, a plus, underscores and other scripts' digits
            return "is no whole number in plain digits"
        return None if low <= number <= high else f"must lie between {low} and {high}"

    return check


def _one_of(values: Iterable[str]) -> Callable[[str], str | None]:
    return lambda text: None if text in values else f"must be one of {', '.join(values)}"


CHECKS: dict[str, dict[str, Callable[[str], str | None]]] = {
    POINT_RULES: {
        "policy_version": name_problem,
        "rule_id": name_problem,
        "activity_type": name_problem,
        "points": _optional(_number()),
        "is_bonus": _one_of(("true", "false")),
        "max_points_per_award": _optional(_number(0, 1_000_000)),
        "daily_cap_points": _optional(_number(0, 1_000_000)),
        "cap_per_source": _optional(_number(0, 1_000_000)),
        "response_window_hours": _optional(_number(1, 8_760)),
        "valid_from": _day,
        "valid_to": _optional(_day),
        "description": _any,
    },
    SCORE_POLICY: {
        "policy_version": name_problem,
        "half_life_days": _optional(_number(1, 36_500)),
        "season_length": _one_of(SEASONS),
        "valid_from": _day,
        "valid_to": _optional(_day),
        "description": _any,
    },
}
