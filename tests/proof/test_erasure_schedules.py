"""Members leave and return while nights arrive in any order: raw is what one full read gives."""

import datetime as dt
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import uid, write_rows
from members import MEMBER, NIGHTS, rows_of
from test_erasure import SOME, House

from orchestration.raw import erase

Members = dict[dt.date, set[int]]


def schedule(seed: int, exports_dir: Path, house: House) -> Members:
    """Nights arrive in some order, some corrected later, with a run now and then; members come and go.

    Returns:
        The members that the last delivery of every night names.
    """
    chance = random.Random(seed)  # noqa: S311
    members = {night: [n for n in range(1, 6) if chance.random() < 0.7] or [1] for night in NIGHTS}
    delivered: Members = {}
    arrivals = [(night, name) for night in NIGHTS for name in ("users", *chance.sample(SOME, 4))]
    chance.shuffle(arrivals)
    for night, name in arrivals + chance.sample(arrivals, 8):
        who = members[night] if name == "users" else range(1, 6)
        if chance.random() < 0.3:
            who = [n for n in who if chance.random() < 0.8] or [1]
        rows = rows_of(name, who)
        if name == "signal_actions" and chance.random() < 0.3:
            # A correction says that what the first did was somebody else's.
            rows[0]["userId"] = uid(MEMBER, chance.randrange(1, 6))
        write_rows(exports_dir, name, night, rows)
        if name == "users":
            delivered[night] = set(who)
        if chance.random() < 0.25:
            house.run()
    house.run()
    return delivered


def wrongly_kept(house: House, members: Members) -> set[int]:
    """Who left, as the exports have it, and is still named somewhere in raw."""
    *earlier, last = (members[night] for night in NIGHTS)
    return {member for member in set.union(*earlier) - last if uid(MEMBER, member) in str(house.everything())}


def wrongly_erased(house: House, members: Members) -> set[int]:
    """Who is a member, as the exports have it, and is not named in the rows of members."""
    named = house.rows("users", "id")
    return {member for member in members[NIGHTS[-1]] if (uid(MEMBER, member),) not in named}


def test_raw_is_the_same_whatever_the_order_in_which_members_left_and_returned(
    tmp_path: Path, long: bool, tried: Callable[[str, str, int], None]
) -> None:
    seeds = range(60 if long else 3)
    came_back = 0
    for seed in seeds:
        house = House(tmp_path / f"{seed}")
        members = schedule(seed, house.settings.exports_dir, house)
        assert wrongly_kept(house, members) == set(), seed
        assert wrongly_erased(house, members) == set(), seed
        whole = House(tmp_path / f"{seed}-whole", house.settings.exports_dir)
        whole.run()
        assert house.everything() == whole.everything(), seed
        came_back += bool(house.read_again)
    assert came_back
    tried(
        "erasure",
        "schedules of delivery in which members leave and return, raw against one full read",
        len(seeds),
    )


def test_a_member_who_is_not_erased_or_not_given_back_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path)
    for night, who in zip(NIGHTS, ([1, 2], [1, 2], [1], [1], [1]), strict=True):
        write_rows(house.settings.exports_dir, "users", night, rows_of("users", who))
    house.run()
    left = {night: {1, 2} for night in NIGHTS} | {NIGHTS[-1]: {1}}
    assert (wrongly_kept(house, left), wrongly_erased(house, left)) == (set(), set())
    # Who has come back, and was not looked for again, is missed.
    stayed = left | {NIGHTS[-1]: {1, 2}}
    assert wrongly_erased(house, stayed) == {2}
    # Nobody is judged to have left: nobody is erased.
    blind = House(tmp_path / "blind", house.settings.exports_dir)

    def nobody(*_: Any) -> int:
        return 0

    with monkeypatch.context() as broken:
        broken.setattr(erase, "settle", nobody)
        blind.run()
    assert wrongly_kept(blind, left) == {2}
