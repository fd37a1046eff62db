"""A made-up community platform of any size, written as its nightly exports.

For the first run, for tests and for benchmarks. Everything follows from the seed: the same arguments give the
same bytes.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from pathlib import Path

from orchestration.raw.discover import FORMATS, LAST_NIGHT_NAME
from orchestration.sample.broadcast import add_broadcast
from orchestration.sample.community import add_community
from orchestration.sample.delivery import FAULT_ROWS, plant_faults, write_tables
from orchestration.sample.participation import add_participation
from orchestration.sample.world import COLUMNS, SampleSize, World

__all__ = ["DEFAULT_SIZE", "FAULT_ROWS", "LAST_NIGHT", "SMALLEST", "SampleSize", "write_sample"]

DEFAULT_SIZE = SampleSize()
SMALLEST = SampleSize(members=40, scenes=4, tracks=20, engagements=500, actions=100, nights=1, history_days=1)
LAST_NIGHT = dt.date(2026, 1, 18)


def write_sample(
    exports_dir: Path,
    size: SampleSize = DEFAULT_SIZE,
    *,
    seed: int = 1,
    last_night: dt.date = LAST_NIGHT,
    formats: Sequence[str] = ("csv",),
    faults: Collection[str] = (),
) -> list[dt.date]:
    """Write the exports of a made-up platform; the parts of a night written before are replaced.

    The exports say which night is their last, so that nobody waits for more.

    Faults change no other row. They all arrive with the last night. `FAULT_ROWS` counts them:

    - late: 5 engagements, 3 signal actions and 2 follows of an earlier night arrive with the last one.
    - duplicate: 3 engagements and 2 signal actions of earlier nights are delivered again unchanged; another
      3 engagements, 2 signal actions and 1 user are in one part twice. These are 11 extra rows.
    - corrected: 2 engagements (partial, of tracks in no rotation) are delivered again as full with score 3,
      and 2 signal actions (ADD) as RECOMMEND. These are 4 extra rows.
    - broken: 5 extra engagements: a null id, a score that is no number, an unknown type, a score impossible
      for its type, one after the end of its night; 3 extra signal actions: a null id, an unknown type, one
      after the end of its night; 1 extra user: a null id.

    Args:
        exports_dir: where the folders of the tables go.
        size: how much of everything.
        seed: another seed gives another platform.
        last_night: the last night exported.
        formats: the formats to use in turn over tables, nights and parts.
        faults: which of `FAULT_ROWS` to plant.

    Returns:
        The nights written, oldest first.

    Raises:
        ValueError: unknown formats or faults, or too small a size for the sample or its faults.
    """
    if unknown := (set(formats) - set(FORMATS)) | (set(faults) - set(FAULT_ROWS)):
        raise ValueError(f"not known: {', '.join(sorted(unknown))}")
    if small := [name for name, least in vars(SMALLEST).items() if getattr(size, name) < least]:
        raise ValueError(f"too small: {', '.join(small)}; the smallest is {SMALLEST}")
    nights = [last_night - dt.timedelta(days=back) for back in reversed(range(size.nights))]
    world = World(size, seed, nights)
    add_community(world)
    add_broadcast(world)
    add_participation(world)
    plant_faults(world, faults)
    write_tables(world, list(COLUMNS), exports_dir, formats)
    (exports_dir / LAST_NIGHT_NAME).write_text(f"{last_night}\n")
    return nights
