"""`python -m bench.scoring ACTS FOLDER`: what policies and explanations take, and whether promises are kept.

The exit code is 1 if a promise is broken. Seconds depend on the machine and on what else runs there; ratios
within one run depend less on it.
"""

import os
import sys
import time
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from bench.measure import warehouse
from bench.world import build
from orchestration.settings import PROJECT_DIR

WHAT_IF_SECONDS = 60
EXPLAIN_SECONDS = 1
SMALL = 100
TRIES = 3

# Every column that scoring looks at, read once, and points summed by scene and day.
SCAN = """
    select scene_id, occurred_on, count(*), sum(points), max(act_id), max(source_id), max(delivery_id)
    from decision group by all
"""
# The member with most acts is the slowest to explain.
SUBJECTS = """
    select
        (select mode(user_id) from activity_point),
        (select min(activity_point_id) from activity_point),
        (select mode(scene_id) from activity_point),
        (select as_of_date from publication),
        (select count(*) from activity_point),
        (select count(*) from activity_decision)
"""


def main(acts: int, folder: Path) -> int:
    """Measure, print, and say how many promises are broken."""
    worlds = {size: folder / f"{size}_acts" for size in (max(acts // SMALL, 1000), acts)}
    for size, world in worlds.items():
        if not world.exists():
            print(f"building a world of {size:,} acts in {world}", flush=True)
            build(world, size)
    small, large = (explanations(world) for world in worlds.values())
    scanned = scan(worlds[acts])
    replayed = warehouse("what-if", str(PROJECT_DIR / "seeds"), directory=worlds[acts]).seconds
    *_, rows, decided = subjects(worlds[acts])
    table = Table("what", "rows", "seconds", "ratio", "to", "promise")
    lines = [
        ("read all decisions once, two processors", decided, scanned, 1.0, "", None),
        ("warehouse what-if", decided, replayed, replayed / scanned, "reading once", WHAT_IF_SECONDS),
    ]
    for name, took in large.items():
        ratio = took / small[name]
        lines.append(
            (f"warehouse explain {name}", rows, took, ratio, "a hundredth of the rows", EXPLAIN_SECONDS)
        )
    for what, count, took, ratio, to, promise in lines:
        kept = "" if promise is None else f"{'kept' if took < promise else 'BROKEN'}: under {promise} s"
        table.add_row(what, f"{count:,}", f"{took:.2f}", f"{ratio:.1f}", to, kept)
    Console(width=130).print(table)
    print(f"load of this machine in the last 5 minutes: {os.getloadavg()[1]:.1f}")
    return sum(promise is not None and took >= promise for *_, took, _, _, promise in lines)


def subjects(world: Path) -> tuple:
    """The ids to explain, and the number of rows there are."""
    with duckdb.connect(str(world / "analytics.duckdb"), read_only=True) as connection:
        return connection.execute(SUBJECTS).fetchone()


def explanations(world: Path) -> dict[str, float]:
    """Seconds of each kind of explanation."""
    user, award, scene, day, *_ = map(str, subjects(world))
    asked = {
        "user": (user,),
        "award": (award,),
        "scene": (scene,),
        "change": ("user", user, "--from", "2025-12-01", "--to", day),
    }
    return {
        name: min(warehouse("explain", name, *about, directory=world).seconds for _ in range(TRIES))
        for name, about in asked.items()
    }


def scan(world: Path) -> float:
    """Seconds to read every decision once and sum up the points."""
    with duckdb.connect(str(world / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("set threads = 2")
        started = time.monotonic()
        connection.execute(SCAN).fetchall()
        return time.monotonic() - started


if __name__ == "__main__":
    sys.exit(min(main(int(sys.argv[1]), Path(sys.argv[2]).resolve()), 1))
