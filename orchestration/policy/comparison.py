"""What a candidate's policy changes: tables of now and then. All hold sums, and none is about one member.

The tables are read after a replay: the present side from the attached database `built`, the candidate's from
`warehouse`, both up to the replay's as-of. Caps, once-only rules and credits only look backwards, so the
awards of the present rules up to then are exactly the ledger up to then. Both sides use what was known at the
last build.

- Members are the people with an account on the last day, whether they have points or not.
- The p-th percentile is the smallest total that at least p % of the members do not exceed.
- Gini: for the n members' totals x1 <= x2 <= ... <= xn, with totals below zero taken as zero,
  2 * sum(i * xi) / (n * sum(xi)) - (n + 1) / n. It is 0 if all have the same, (n - 1) / n if one has
  everything, and empty if nobody has points.
- No band of members holds fewer than five.
"""

import datetime as dt
from dataclasses import dataclass

import duckdb

from orchestration.policy.comparison_sql import (
    AGGREGATES,
    BANDS,
    BY_RULE,
    BY_SCENE,
    BY_TYPE,
    CAPS,
    DISTRIBUTION,
    FADING,
    PROPOSAL,
    SCORES,
    TOTALS,
    share_left,
)

Row = tuple[object, ...]


@dataclass(frozen=True)
class Finding:
    """One table of the comparison, with a sentence that says what it shows."""

    title: str
    note: str
    columns: list[str]
    rows: list[Row]

    def records(self) -> list[dict[str, object]]:
        """The rows, as values by column name."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def are_numbers(self) -> list[bool]:
        """For each column, whether its values are numbers."""
        return [any(isinstance(row[at], int | float) for row in self.rows) for at in range(len(self.columns))]


@dataclass(frozen=True)
class Comparison:
    """The tables by name, in the order to read them, and the last day whose acts count in them."""

    last_day: dt.date
    findings: dict[str, Finding]


def compare(connection: duckdb.DuckDBPyConnection) -> Comparison:
    """Compare both sides of a replay. A table or column with nothing to show is left out."""
    connection.execute(share_left())
    connection.execute(AGGREGATES)
    found = {}
    for name, (title, note, query) in QUESTIONS.items():
        result = connection.execute(query)
        columns, rows = [column for column, *_ in result.description], result.fetchall()
        filled = [at for at in range(len(columns)) if any(row[at] is not None for row in rows)]
        if filled:
            found[name] = Finding(
                title, note, [columns[at] for at in filled], [tuple(row[at] for at in filled) for row in rows]
            )
    (last_day,) = connection.execute("select as_of_date from warehouse.main.as_of").fetchone()
    return Comparison(last_day, found)


def shown(value: object, column: str, line: object = None) -> str:
    """A value as people read it: differences with a sign, shares in percent, an empty value as a dash."""
    if value is None:
        return "—"
    if not isinstance(value, int | float):
        return str(value)
    sign = "+" if value and ("difference" in f"{column} {line}" or "change" in column) else ""
    if "share" in column:
        return f"{value:{sign}.1%}"
    if column == "Gini":
        return f"{value:{sign}.3f}"
    return f"{value:{sign},{'' if isinstance(value, int) else '.1f'}}"


# name: (title, what it says, query)
QUESTIONS = {
    "totals": (
        "In all (awards and points)",
        "An award is one rule applied to one act; what was taken back is deducted from the points.",
        TOTALS,
    ),
    "proposal": (
        "What the candidate changes",
        "Settings that differ from the policy in force; a dash means that this side has none.",
        PROPOSAL,
    ),
    "by_type": (
        "Points by activity type",
        "Awards and points of each kind of participation, under the rules now and under the candidate's.",
        BY_TYPE,
    ),
    "by_rule": ("Points by rule", "The same points, by the rule that gave them.", BY_RULE),
    "by_scene": (
        "Points by scene",
        "In order of name. A point counts in the scene where its act counts; the scenes add up to the total.",
        BY_SCENE,
    ),
    "distribution": (
        "How points are spread over members (points per member)",
        "Members: everybody with an account on the last day, those without points included; who has left is "
        "not. Median, p90, p99: half, 90 %, 99 % of the members have at most this many points. With points: "
        "a total above 0. Gini: 0 if all members have the same, near 1 if one has everything; a total below "
        "0 counts as 0.",
        DISTRIBUTION,
    ),
    "bands": (
        "Who gains and who loses (members, points)",
        "Members in bands by the points they have now; gain, stay and lose count members. A band of fewer "
        "than five members is joined to its neighbour. The mean change is in points per member of the band.",
        BANDS,
    ),
    "caps": (
        "What caps withhold (acts and points)",
        "Acts that earned less than their price, or nothing, because a cap was reached, and the points "
        "withheld. An act that both caps cut counts under the cap of a member's day. One source act: the "
        "claims of a source count in the order they happened, paid or not, under any version of the rule. "
        "Only claims within the first cap_per_source points can be paid (the cap in force when the act "
        "happened). Points that the daily cap then withholds stay claimed.",
        CAPS,
    ),
    "fading": (
        "How a point fades (percent by days)",
        "The part of a point that a fading score still counts, by the age of its act in days. "
        "The plain sums, and every table above, never fade.",
        FADING,
    ),
    "scores": (
        "Scores that fade or start anew, by scene (points)",
        "Beside the plain sum of all points (never replaced): points faded by age, and points of the season, "
        "on the last day.",
        SCORES,
    ),
}
