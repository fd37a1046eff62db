"""A truncated snapshot must not look like a mass departure."""

from pathlib import Path

import pytest
from ingesting import TABLES, House, march, signal, users, with_column

from orchestration.raw.account import known_parts, refusal


def departure_message(departed: int, people: int, before: int, night: int) -> str:
    """What a refused snapshot of users says."""
    return (
        f"{departed} of the {people} users of 2026-03-0{before} are missing; if they really left, "
        f"run again with --confirm-departures 2026-03-0{night}"
    )


@pytest.mark.parametrize(
    ("left", "action"), [(0, "accepted"), (2, "accepted"), (3, "refused"), (199, "refused")]
)
def test_a_snapshot_that_lost_more_than_one_percent_of_the_members_is_refused(
    tmp_path: Path, left: int, action: str
) -> None:
    house = House(tmp_path, "users")
    house.deliver("users", 1, users(200))
    house.deliver("users", 2, users(200 - left, first=1 + left))
    first, second = house.ingest()
    assert (first.action, second.action) == ("accepted", action)
    if action == "refused":
        assert refusal(second) == departure_message(left, 200, before=1, night=2)


def test_people_are_counted_not_rows(tmp_path: Path) -> None:
    house = House(tmp_path, "users")
    house.deliver("users", 1, users(200))
    house.deliver("users", 2, users(400, first=4))
    _, outcome = house.ingest()
    assert refusal(outcome) == departure_message(3, 200, before=1, night=2)


def test_the_share_that_may_leave_can_be_configured(tmp_path: Path) -> None:
    house = House(tmp_path, "users", max_departed_share=0.5)
    house.deliver("users", 1, users(4))
    house.deliver("users", 2, users(2))
    house.deliver("users", 3, users(1))
    house.deliver("users", 4, users(1, first=9))
    assert house.actions() == {
        ("users", 1): "accepted", ("users", 2): "accepted", ("users", 3): "accepted", ("users", 4): "refused",
    }  # fmt: skip


def test_other_snapshots_may_shrink(tmp_path: Path) -> None:
    house = House(tmp_path, "signals")
    house.deliver("signals", 1, [signal(n) for n in range(200)])
    house.deliver("signals", 2, [signal(1)])
    assert house.actions() == {("signals", 1): "accepted", ("signals", 2): "accepted"}


def test_a_snapshot_is_compared_with_the_last_accepted_one_before_it(tmp_path: Path) -> None:
    house = House(tmp_path, "users")
    house.deliver("users", 1, users(200))
    house.deliver("users", 3, users(90))
    house.deliver("users", 7, users(100))
    first, second, third = house.ingest()
    assert first.action == "accepted"
    assert refusal(second) == departure_message(110, 200, before=1, night=3)
    assert refusal(third) == departure_message(100, 200, before=1, night=7)


def test_a_confirmed_departure_is_accepted_and_what_follows_is_compared_with_it(tmp_path: Path) -> None:
    house = House(tmp_path, "users")
    house.deliver("users", 1, users(200))
    house.deliver("users", 2, users(100))
    house.deliver("users", 3, users(100))
    refused = house.actions(confirmed_departures=[march(3)])
    assert refused == {("users", 1): "accepted", ("users", 2): "refused", ("users", 3): "accepted"}
    accepted = house.actions(confirmed_departures=[march(2)])
    assert accepted == {("users", 1): "known", ("users", 2): "accepted", ("users", 3): "accepted"}
    assert len(house.rows("users", 2, "id")) == 100
    assert set(house.actions().values()) == {"known"}


def test_a_confirmed_departure_stays_confirmed_when_it_is_read_again(tmp_path: Path) -> None:
    house = House(tmp_path, "users")
    house.deliver("users", 1, users(200))
    house.deliver("users", 2, users(100))
    assert house.actions(confirmed_departures=[march(2)])["users", 2] == "accepted"
    assert house.actions(again=[march(2)])["users", 2] == "accepted"
    house.tables["users"] = with_column(TABLES["users"], "colour")
    assert house.actions() == {("users", 1): "accepted", ("users", 2): "accepted"}


def test_other_content_of_a_confirmed_night_is_judged_anew(tmp_path: Path) -> None:
    house = House(tmp_path, "users")
    house.deliver("users", 1, users(200))
    house.deliver("users", 2, users(100))
    house.ingest(confirmed_departures=[march(2)])
    house.deliver("users", 2, users(50))
    _, outcome = house.ingest()
    assert refusal(outcome) == departure_message(150, 200, before=1, night=2)
    assert len(house.rows("users", 2, "id")) == 100


def test_a_late_snapshot_between_two_others_has_the_following_one_judged_anew(tmp_path: Path) -> None:
    house = House(tmp_path, "users")
    house.deliver("users", 1, users(200))
    house.deliver("users", 3, users(200))
    house.ingest()
    house.deliver("users", 2, users(300))
    known, late, following = house.ingest()
    assert (known.action, late.action, following.action) == ("known", "accepted", "refused")
    assert refusal(following) == departure_message(100, 300, before=2, night=3)
    assert not house.folder("users", 3).exists()
    assert house.delivered("users", 3, ".refused") == [
        ("part-0000.csv", "refused", departure_message(100, 300, before=2, night=3), 200, 0)
    ]
    assert [(o.night.date.day, o.action) for o in house.ingest()] == [
        (1, "known"),
        (2, "known"),
        (3, "refused"),
    ]


def test_after_a_snapshot_that_no_longer_stands_the_next_is_compared_with_the_one_before(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, "users")
    for day in (1, 3, 4):
        house.deliver("users", day, users(200 + day))
    house.ingest()
    house.deliver("users", 2, users(300))
    _, _, third, fourth = house.ingest()
    assert refusal(third) == departure_message(97, 300, before=2, night=3)
    assert refusal(fourth) == departure_message(96, 300, before=2, night=4)
    assert known_parts(house.settings).keys() == {("users", march(1)), ("users", march(2))}


def test_only_the_snapshot_after_a_late_one_is_judged_anew(tmp_path: Path) -> None:
    house = House(tmp_path, "users")
    for day in (1, 3, 4):
        house.deliver("users", day, users(200 + day))
    house.ingest()
    house.deliver("users", 2, users(202))
    assert house.actions() == {
        ("users", 1): "known", ("users", 2): "accepted", ("users", 3): "accepted", ("users", 4): "known",
    }  # fmt: skip


def test_a_confirmed_departure_stays_confirmed_when_a_late_snapshot_has_it_judged_anew(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, "users")
    house.deliver("users", 1, users(200))
    house.deliver("users", 3, users(100))
    house.ingest(confirmed_departures=[march(3)])
    house.deliver("users", 2, users(199))
    assert house.actions() == {("users", 1): "known", ("users", 2): "accepted", ("users", 3): "accepted"}
