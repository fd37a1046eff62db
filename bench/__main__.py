"""`python -m bench FOLDER ROWS …`: what a night costs on a year of so many engagements, and what it may cost.

Prints a table in Markdown. Seconds depend on the machine and on what else runs there; ratios within one run
depend less on it. `python -m bench.scoring` measures policies and explanations.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench.goals import Goal
from bench.measure import GIB, warehouse
from bench.nights import Year
from bench.one_connection import in_one_connection
from bench.peers import in_postgres
from bench.peers.beside import seconds_beside
from bench.queries import slowest
from bench.reading import TABLE, times_of_a_bare_copy
from bench.year import as_csv

FIXED = 20_000  # engagements of the year whose nights cost next to nothing but the start
TRIES = 3
MIB, MILLION = 1 << 20, 1_000_000
FORM = "parquet"
PEERS = {"pandas": 1 / 5, "polars": 1, "PostgreSQL": 1 / 5}


def main(folder: Path, sizes: list[int]) -> None:
    """Measure and print.

    Raises:
        SystemExit: PostgreSQL is not installed, beside which the warehouse is measured.
    """
    in_postgres.programs()
    folder.mkdir(parents=True, exist_ok=True)
    memory_limit = os.environ.get("MEMORY_LIMIT") or "2GB"
    fixed = Year(folder, FIXED, FORM)
    fixed.begin()
    fixed.go_on()
    goals = list(_commands(fixed))
    years: list[Year] = []
    for size in sizes:
        year = Year(folder, size, FORM)
        year.begin()
        goals += _from_the_beginning(year, fixed, memory_limit)
        goals.append(_in_365_nights(folder, year, fixed))
        goals += _reading(folder, year)
        goals += _peers(folder, year, memory_limit)
        year.go_on()
        goals += _nights(year, fixed, years[:1])
        goals += _published(year)
        years.append(year)
    print("| goal | measured | bound | verdict | behind it |\n|---|---|---|---|---|")
    for goal in goals:
        bound = "" if goal.bound is None else f"{goal.bound:g}"
        print(f"| {goal.name} | {goal.figure:.2f} {goal.unit} | {bound} | {goal.verdict} | {goal.context} |")
    print(f"\nLoad of this machine in the last 15 minutes: {os.getloadavg()[2]:.1f}")


def _commands(fixed: Year) -> Iterator[Goal]:
    """What a command costs that does nothing, and a night with little new."""
    yield Goal("a night with nothing new", fixed.nights["nothing new"].seconds, 2, "s")
    yield Goal("a night with little new", fixed.nights["quiet"].seconds, 12, "s")
    for command in (("status",), ("query", "select 1"), ("--help",)):
        directory = fixed.directory
        took = median(warehouse(*command, directory=directory).seconds for _ in range(TRIES))
        yield Goal(f"`warehouse {command[0]}`", took, 0.5, "s", f"median of {TRIES}")


def _from_the_beginning(year: Year, fixed: Year, memory_limit: str) -> Iterator[Goal]:
    """A build of everything beside the same SQL without dbt."""
    took = year.nights["beginning"]
    start = fixed.nights["beginning"].seconds
    dbt, sql = year.dbt_seconds, in_one_connection(year.directory, memory_limit)
    yield Goal(
        f"everything from the beginning, {_count(year)}", (dbt - fixed.dbt_seconds) / sql, 1.3,
        context=f"dbt {dbt:.0f} s, its SQL {sql:.0f} s, the run {took.seconds:.0f} s, start {start:.0f} s",
    )  # fmt: skip
    yield Goal(
        f"memory of all processes, {_count(year)}", took.peak_bytes / GIB, 3, "GiB", f"limit {memory_limit}"
    )


def _in_365_nights(folder: Path, year: Year, fixed: Year) -> Goal:
    """The same year, delivered in a night for each day, all at once."""
    spread = Year(folder, year.engagements, FORM, in_a_night=False)
    spread.begin()
    shutil.rmtree(spread.directory)
    start = fixed.nights["beginning"].seconds
    taken, beside = (each.nights["beginning"].seconds - start for each in (spread, year))
    return Goal(
        f"365 nights at once beside the same in one, {_count(year)}", taken / beside, 1.2,
        context=f"{taken:.1f} s of data, {beside:.1f} s",
    )  # fmt: skip


def _reading(folder: Path, year: Year) -> Iterator[Goal]:
    """Ingestion of the first night of engagements beside a bare COPY, in two formats."""
    for form in ("csv", "parquet"):
        exports = year.directory / "exports"
        if form != FORM:
            exports = as_csv(exports, folder / "reading" / form, [TABLE])
        ratio, taken, bare = times_of_a_bare_copy(exports, form, folder / "reading" / "scratch")
        yield Goal(
            f"ingestion of {form}, {_count(year)}", ratio, 1.5,
            context=f"{taken:.2f} s, a bare COPY {bare:.2f} s, medians of {TRIES}",
        )  # fmt: skip
    shutil.rmtree(folder / "reading")


def _peers(folder: Path, year: Year, memory_limit: str) -> Iterator[Goal]:
    """The same numbers by other means."""
    seconds = dict(seconds_beside(year, folder / "peers", memory_limit))
    own = seconds["warehouse"]
    for peer, bound in PEERS.items():
        yield Goal(
            f"the warehouse beside {peer}, {_count(year)}", own / seconds[peer], bound,
            context=f"{own:.1f} s, {peer} {seconds[peer]:.1f} s",
        )  # fmt: skip


def _nights(year: Year, fixed: Year, first: list[Year]) -> Iterator[Goal]:
    """The nights after the year, without what they cost on next to no data."""
    data = {kind: took.seconds - fixed.nights[kind].seconds for kind, took in year.nights.items()}
    for small in first:
        before = small.nights["quiet"].seconds - fixed.nights["quiet"].seconds
        yield Goal(
            f"a quiet night, {_count(year)} beside {_count(small)}", data["quiet"] / before, 1.5,
            context=f"{data['quiet']:.1f} s of data, {before:.1f} s",
        )  # fmt: skip
    for kind in ("late", "corrected", "departed"):
        yield Goal(
            f"a {kind} night beside a quiet one, {_count(year)}", data[kind] / data["quiet"], 3,
            context=f"{data[kind]:.1f} s of data, {data['quiet']:.1f} s",
        )  # fmt: skip
    sizes = {name: year.bytes(name) for name in ("raw", "warehouse.duckdb", "analytics.duckdb")}
    for name, size in sizes.items():
        per_million = size / MIB * MILLION / year.engagements
        yield Goal(
            f"{name}, MiB per million engagements, {_count(year)}",
            per_million,
            None,
            "MiB",
        )
    yield Goal(
        f"warehouse.duckdb after the nights beside the first run, {_count(year)}",
        sizes["warehouse.duckdb"] / year.first_size, 2,
    )  # fmt: skip


def _published(year: Year) -> Iterator[Goal]:
    """Questions of analysts."""
    taken = slowest(year.directory / "analytics.duckdb")
    yield Goal(
        f"questions about one scope, artist or member, {_count(year)}", taken["one"] * 1000, 200, "ms", "p95"
    )
    yield Goal(f"questions that read whole tables, {_count(year)}", taken["all"] * 1000, 2000, "ms", "p95")


def _count(year: Year) -> str:
    return f"{year.engagements / MILLION:g} M"


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), [int(size) for size in sys.argv[2:]])
