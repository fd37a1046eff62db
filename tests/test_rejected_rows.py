"""A bad row is rejected, and all others are there."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from conftest import uid
from ingesting import (
    PARQUET_TYPES,
    PLANTED,
    House,
    act,
    as_jsonl,
    as_parquet,
    march,
    parquet,
    signal,
    thing,
)

from orchestration.raw.account import known_parts

TYPE_ERRORS = [
    ("id", "17", "is not of type uuid"),
    ("id", uid(1, 9).replace("-", ""), "is not of type uuid"),
    ("id", uid(1, 9) + "0", "is not of type uuid"),
    ("size", "many", "is not of type integer"),
    ("size", "1.5", "is not of type integer"),
    ("size", "2147483648", "is not of type integer"),
    ("weight", "heavy", "is not of type double"),
    ("weight", "1,5", "is not of type double"),
    ("weight", "NaN", "is not of type double"),
    ("live", "yes", "is not of type boolean"),
    ("live", "1", "is not of type boolean"),
    ("details", "plain text", "is not of type json"),
    ("createdAt", "yesterday", "is not of type timestamp"),
    ("createdAt", "2026-02-30 10:00:00", "is not of type timestamp"),
    ("createdAt", "2026-03-01", "is not of type timestamp"),
    ("createdAt", "2026-03-01T10:00:00+02:00", "is not of type timestamp"),
    ("createdAt", "1772359200", "is not of type timestamp"),
]
ROW_ERRORS = [
    *((name, None, "is null") for name in ("id", "kind", "size", "live", "createdAt")),
    ("kind", "deafening", "is not one of loud, quiet"),
    ("kind", "LOUD", "is not one of loud, quiet"),
    ("kind", "", "is not one of loud, quiet"),
    ("size", "-1", "is negative"),
    ("createdAt", "2026-03-02 00:00:00", "lies after the end of its night"),
    ("createdAt", "2026-03-05 10:00:00", "lies after the end of its night"),
]


@pytest.mark.parametrize(("column", "value", "reason"), TYPE_ERRORS + ROW_ERRORS)
def test_a_bad_row_is_rejected_and_the_others_are_all_there(
    tmp_path: Path, column: str, value: str | None, reason: str
) -> None:
    house = House(tmp_path, "things")
    house.deliver(
        "things", 1, [thing(1), thing(2, label="two\nlines"), thing(3, **{column: value}), thing(4)]
    )
    (outcome,) = house.ingest()
    assert (outcome.action, outcome.rows, outcome.rejected) == ("accepted", 4, 1)
    assert house.rejected("things", 1) == [("things", march(1), "part-0000.csv", 3, column, reason, value)]
    assert house.rows("things", 1, "size", "row_number") == [(1, 1), (2, 2), (4, 4)]


@pytest.mark.parametrize(
    "value", [f"ann@{PLANTED}", "$2b$12$not-a-hash", '{"open": ', "word " * 13, "two\nlines"]
)
def test_an_offending_value_that_is_not_short_and_plain_stays_out(tmp_path: Path, value: str) -> None:
    """Exports may mix up columns, so a column that is not personal may still hold a personal value."""
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1), thing(2, kind=value), thing(3, details="no json: " + value)])
    house.ingest()
    assert [row[4:] for row in house.rejected("things", 1)] == [
        ("kind", "is not one of loud, quiet", None),
        ("details", "is not of type json", None),
    ]


@pytest.mark.parametrize(
    "part", [
        ("part-0000.jsonl", lambda rows: as_jsonl(rows, nested=False)),
        ("part-0000.parquet", lambda rows: as_parquet(rows, **dict.fromkeys(PARQUET_TYPES, "varchar"))),
    ], ids=["jsonl", "parquet"],
)  # fmt: skip
def test_the_same_rows_are_bad_in_every_format(tmp_path: Path, part: tuple[str, Any]) -> None:
    house = House(tmp_path, "things", max_rejected_rows=100)
    name, encode = part
    bad = TYPE_ERRORS + ROW_ERRORS
    rows = [thing(1), *(thing(2, **{column: value}) for column, value, _ in bad), thing(3)]
    house.deliver("things", 1, encode(rows), name)
    house.ingest()
    assert house.rejected("things", 1) == [
        ("things", march(1), name, number, column, reason, value)
        for number, (column, value, reason) in enumerate(bad, start=2)
    ]
    assert house.rows("things", 1, "size", "row_number") == [(1, 1), (3, len(bad) + 2)]


def test_a_wrong_value_is_kept_back_where_the_column_is_personal(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1, ownerId=PLANTED), thing(2)])
    house.ingest()
    assert house.rejected("things", 1) == [
        ("things", march(1), "part-0000.csv", 1, "ownerId", "is not of type uuid", None)
    ]
    assert house.rows("things", 1, "size") == [(2,)]
    assert PLANTED not in house.everything_written()


def test_every_bad_row_is_recorded_once_under_its_first_problem(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1), thing(2, kind="odd", size="many", createdAt=None)])
    house.deliver("things", 1, [thing(3, size=-3), thing(4), thing(5, live=None)], "part-0001.jsonl")
    (outcome,) = house.ingest()
    assert [(part.rows_delivered, part.rows_rejected) for part in outcome.parts] == [(2, 1), (3, 2)]
    assert [row[2:] for row in house.rejected("things", 1)] == [
        ("part-0000.csv", 2, "kind", "is not one of loud, quiet", "odd"),
        ("part-0001.jsonl", 1, "size", "is negative", "-3"),
        ("part-0001.jsonl", 3, "live", "is null", None),
    ]
    assert house.rows("things", 1, "size", "part") == [(1, "part-0000.csv"), (4, "part-0001.jsonl")]


def test_rejected_rows_belong_to_the_delivery_they_came_with(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1), thing(2, kind="odd")])
    house.ingest()
    (part,) = known_parts(house.settings)["things", march(1)]
    for books in ("rows", "rejected", "delivered"):
        path = house.folder("things", 1) / f"{books}.parquet"
        assert parquet(path, "select delivery_id") == [(part.delivery_id,)]


def test_an_engagement_has_the_score_of_its_type_or_is_rejected(tmp_path: Path) -> None:
    house = House(tmp_path, "track_engagements", max_rejected_rows=100)
    right = {"full": 3, "majority": 2, "partial": 1, "skip": 0}
    tried = [(kind, score) for kind in right for score in range(5)]
    rows = [
        {
            "id": uid(1, number), "userId": uid(2, 1), "trackId": uid(5, 1), "type": kind, "score": score,
            "sessionId": "s-1", "createdAt": "2026-03-01 10:00:00",
        }
        for number, (kind, score) in enumerate(tried, start=1)
    ]  # fmt: skip
    house.deliver("track_engagements", 1, rows)
    house.ingest()
    assert house.rows("track_engagements", 1, "type", "score") == list(right.items())
    assert [row[3:] for row in house.rejected("track_engagements", 1)] == [
        (number, "score", "impossible score for its type", str(score))
        for number, (kind, score) in enumerate(tried, start=1)
        if score != right[kind]
    ]


@pytest.mark.parametrize(
    ("time", "accepted"),
    [
        ("2024-01-01 00:00:00", True),
        ("2026-02-28 23:59:59.999", True),
        ("2026-03-01 23:59:59.999", True),
        ("2026-03-02 00:00:00", False),
        ("2026-03-02 00:00:00.001", False),
    ],
)
def test_an_appended_row_lies_before_the_end_of_its_night(tmp_path: Path, time: str, accepted: bool) -> None:
    house = House(tmp_path, "signal_actions")
    house.deliver("signal_actions", 1, [act(1, createdAt=time)])
    house.ingest()
    assert house.rows("signal_actions", 1, "createdAt") == (
        [(dt.datetime.fromisoformat(time),)] if accepted else []
    )
    assert [row[3:] for row in house.rejected("signal_actions", 1)] == (
        [] if accepted else [(1, "createdAt", "lies after the end of its night", time)]
    )


def test_a_snapshot_may_speak_of_later_times(tmp_path: Path) -> None:
    house = House(tmp_path, "signals")
    house.deliver("signals", 1, [signal(1, createdAt="2026-03-02 00:00:00.001")])
    (outcome,) = house.ingest()
    assert (outcome.rows, outcome.rejected) == (1, 0)


@pytest.mark.parametrize(
    ("table", "column", "row"),
    [
        ("signals", "type", signal(1)),
        (
            "community_members",
            "role",
            {"id": uid(1, 1), "communityId": uid(4, 1), "joinedAt": "2026-01-01 09:00:00"},
        ),
        (
            "follows",
            "entityType",
            {"id": uid(1, 1), "entityId": uid(6, 1), "createdAt": "2026-01-01 09:00:00"},
        ),
    ],
    ids=["signals.type", "community_members.role", "follows.entityType"],
)
def test_unknown_values_of_free_text_are_kept(
    tmp_path: Path, table: str, column: str, row: dict[str, Any]
) -> None:
    house = House(tmp_path, table)
    values = ["never seen before", 'Ärger, "zitiert"\n🎸', ""]
    house.deliver(table, 1, [row | {"userId": uid(2, 1), "followerId": uid(2, 1), column: v} for v in values])
    house.ingest()
    assert house.rows(table, 1, column) == [(value,) for value in values]
