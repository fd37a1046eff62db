"""What a run says at its end, where a person should not have to read a table."""

import datetime as dt

import pytest

from orchestration.sample import LAST_NIGHT
from orchestration.summary import how_late, nights_missing, span


def test_missing_nights_are_told_by_table_in_a_few_words() -> None:
    said = "events 2026-01-03, users 2026-01-10, events 2026-01-01, events 2026-01-02"
    missing = nights_missing(said)
    assert {table: span(nights) for table, nights in missing.items()} == {
        "events": "3 nights from 2026-01-01 to 2026-01-03",
        "users": "2026-01-10",
    }


@pytest.mark.parametrize("nothing", [None, ""])
def test_where_no_night_is_missing_nothing_is_said(nothing: str | None) -> None:
    assert nights_missing(nothing) == {}


def test_the_sample_is_said_to_be_the_sample_and_other_late_data_to_be_late() -> None:
    assert "is the sample's last night" in how_late(3, LAST_NIGHT)
    assert "3 nights behind" in how_late(3, LAST_NIGHT)
    real = LAST_NIGHT + dt.timedelta(days=1)
    assert how_late(3, real) == "The data is 3 nights behind what could be here by now."
