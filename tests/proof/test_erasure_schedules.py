"""Members leave and return while nights arrive in any order: raw is what one full read gives."""

import random
from collections.abc import Callable
from pathlib import Path

from conftest import uid, write_rows
from members import MEMBER, NIGHTS, rows_of
from test_erasure import SOME, House


def schedule(seed: int, exports_dir: Path, house: House) -> None:
    """Nights arrive in some order, some corrected later, with a run now and then; members come and go."""
    chance = random.Random(seed)  # noqa: S311
    members = {night: [n for n in range(1, 6) if chance.random() < 0.7] or [1] for night in NIGHTS}
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
        if chance.random() < 0.25:
            house.run()
    house.run()


def test_raw_is_the_same_whatever_the_order_in_which_members_left_and_returned(
    tmp_path: Path, long: bool, tried: Callable[[str, str, int], None]
) -> None:
    seeds = range(60 if long else 3)
    came_back = 0
    for seed in seeds:
        house = House(tmp_path / f"{seed}")
        schedule(seed, house.settings.exports_dir, house)
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
