"""Files grow no faster than the data delivered, over sixty nights: every file that a warehouse keeps.

The account is seen to find each kind of file that is kept twice, never forgotten, or not known to it.
"""

import datetime as dt
import shutil
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import dagster as dg
import pytest
from conftest import run_job

from orchestration.assets.records import forget, runs_before
from orchestration.build.archive import read_publication
from orchestration.build.prune import prunable, prune
from orchestration.lock import let_go
from orchestration.sample import SampleSize, write_sample
from orchestration.settings import PROJECT_DIR, Settings, settings

Measured = list[dict[str, int]]

# Nights, nights that arrive between two runs, days of history before them, and runs that pruning keeps.
LONG = (60, 3, 120, 5)
# Long enough that a few of DuckDB's blocks, 256 KiB each, do not decide.
SHORT = (13, 4, 60, 1)
GROWING = ("raw", "warehouse.duckdb", "analytics.duckdb", "site", "fingerprints")


@pytest.fixture
def run_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Settings]:
    """Run the nightly job into a warehouse, recorded as Dagster records it."""

    def run(warehouse_dir: Path) -> Settings:
        home = warehouse_dir / "dagster"
        monkeypatch.setenv("DAGSTER_HOME", str(home))
        home.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT_DIR / "orchestration" / "dagster.yaml", home)
        with dg.DagsterInstance.get() as instance:
            done = run_job(monkeypatch, tmp_path / "exports", warehouse_dir, instance)
        config = settings()
        let_go(config)
        assert done.success
        return config

    return run


def kept(warehouse_dir: Path) -> dict[str, int]:
    """Bytes of every file of a warehouse, Dagster's home in it, by where it lies."""
    found: Counter[str] = Counter()
    for file in warehouse_dir.rglob("*"):
        if file.is_file():
            place = file.relative_to(warehouse_dir).parts[0]
            known = (*GROWING, "publications", "product", "dagster")
            # The link `site` leads to a folder within `.site`.
            place = "site" if place == ".site" else place
            found[place if place in known else "others"] += file.stat().st_size
    return dict(found)


def outgrown(measured: Measured, publications_kept: int) -> list[str]:
    """What grew faster than it may between the second run and the last.

    The second: the first has no earlier build whose place it could take.

    - Raw, the warehouse and the published file: by no more bytes than were delivered.
    - The publications: as many as are kept, none larger than a published file was.
    - The product's tables, a part of each publication: less than the publications.
    - The fingerprints: by a line for each part, so by no more bytes than were delivered.
    - The site: by a page for each scope and artist that came, so by no more bytes than were delivered.
    - Dagster keeps a record of each run, whatever was delivered: that of a later run must not be larger.
    - Whatever else there is, dbt's artefacts first: not at all, but for the digits of a time or a size.
    """
    _, second, *_, last = measured
    delivered = last["delivered"] - second["delivered"]
    records = [later["dagster"] - earlier["dagster"] for earlier, later in pairwise(measured)]
    largest = max(sizes["analytics.duckdb"] for sizes in measured)
    too_large = {kind: last[kind] - second[kind] > delivered for kind in GROWING} | {
        "publications": last["publications"] > publications_kept * largest,
        "product": last["product"] > last["publications"],
        "dagster": records[-1] > 1.1 * records[0],
        "others": last["others"] > 1.01 * second["others"],
    }
    return [kind for kind, is_too_large in too_large.items() if is_too_large]


def folders_without_a_publication(config: Settings) -> set[str]:
    """The folders of the product's tables that stand without their publication, and the other way round."""
    folders = {folder.name for folder in config.product_dir.glob("*/")}
    return folders ^ {file.stem for file in config.publications_dir.iterdir()}


def test_files_grow_no_faster_than_the_data(
    long: bool,
    tried: Callable[[str, str, int], None],
    tmp_path: Path,
    run_once: Callable[[Path], Settings],
) -> None:
    nights, step, history_days, runs_kept = LONG if long else SHORT
    size = SampleSize(
        members=200,
        scenes=4,
        tracks=60,
        engagements=100 * (history_days + nights),
        actions=20 * (history_days + nights),
        nights=nights,
        history_days=history_days,
    )
    written = write_sample(tmp_path / "written", size)
    warehouse_dir, delivered = tmp_path / "warehouse", 0
    measured: Measured = []
    started = []
    for count, night in enumerate(written):
        for folder in sorted((tmp_path / "written").glob(f"*/{night}")):
            delivered += sum(part.stat().st_size for part in folder.iterdir())
            arrived = tmp_path / "exports" / folder.parent.name / night.isoformat()
            arrived.parent.mkdir(parents=True, exist_ok=True)
            folder.rename(arrived)
        if (count + 1) % step == 0 or night == written[-1]:
            started.append(dt.datetime.now(dt.UTC))
            config = run_once(warehouse_dir)
            measured.append(kept(warehouse_dir) | {"delivered": delivered})
    tried("files grow no faster than the data", f"nights, in {len(measured)} runs of the real job", nights)
    print(*measured, sep="\n")
    assert outgrown(measured, config.publications_kept) == [], measured
    assert measured[-1]["raw"] <= delivered
    assert folders_without_a_publication(config) == set()

    # Pruned as if the runs had been a day apart, Dagster has the records of the last ones only.
    prune(config, prunable(config, runs_kept))
    with dg.DagsterInstance.get() as instance:
        published_by = read_publication(config.published_file).run_id
        forget(instance, runs_before(instance, started[-runs_kept], published_by))
    pruned = kept(warehouse_dir)
    print(pruned)
    assert pruned["dagster"] <= 1.1 * measured[runs_kept - 1]["dagster"], pruned
    assert set(pruned) == set(measured[-1]) - {"delivered"}
    assert folders_without_a_publication(config) == set()
    assert pruned["product"] < measured[-1]["product"]

    # The same files, every night kept twice.
    shutil.copytree(config.raw_dir, config.raw_dir / "again")
    twice = kept(warehouse_dir) | {"delivered": delivered}
    assert outgrown([*measured, twice], config.publications_kept) == ["raw"]
    if long:
        # While a table is built anew the old one stands beside it, and that space is used again: never more.
        anew = kept(run_once(tmp_path / "anew").warehouse_dir)
        print(anew)
        assert measured[-1]["warehouse.duckdb"] <= 2.5 * anew["warehouse.duckdb"], anew


PUBLICATIONS_KEPT = 3
FILES = {  # as the place, the bytes after the first run, and those that each later run adds
    "raw/users/2026-01-01/rows.parquet": (100, 100),
    "warehouse.duckdb": (1000, 100),
    "analytics.duckdb": (200, 100),
    ".site/last/public/index.html": (300, 100),
    "publications/last.duckdb": (600, 300),
    "product/last/scope.parquet": (500, 250),
    "dagster/history/runs/run.db": (40, 10),
    "dbt/manifest.json": (500, 0),
    "fingerprints": (50, 100),
    "lock": (5, 0),
}


def nights_of(folder: Path, **planted: int) -> Measured:
    """Four runs of a made-up warehouse, after each of which a planted file is so much larger."""
    measured = []
    for run in range(4):
        files = FILES | {place.replace("__", "/"): (1, bytes_more) for place, bytes_more in planted.items()}
        for place, (first, more) in files.items():
            file = folder / f"{run}" / place
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("wb") as opened:
                opened.truncate(first + run * more)
        measured.append(kept(folder / f"{run}") | {"delivered": 100 * (run + 1)})
    return measured


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("raw__users__2026-01-01__again.parquet", "raw"),
        ("dbt__dbt.log.9", "others"),
        ("dbt__compiled__one_per_night.sql", "others"),
        ("history__by_a_newcomer.parquet", "others"),
        ("publications__never_forgotten.duckdb", "publications"),
        (".site__never_forgotten__index.html", "site"),
        ("product__never_forgotten__scope.parquet", "product"),
    ],
)
def test_what_grows_with_the_number_of_nights_is_found_wherever_it_lies(
    tmp_path: Path, place: str, kind: str
) -> None:
    assert outgrown(nights_of(tmp_path / "even"), PUBLICATIONS_KEPT) == []
    assert outgrown(nights_of(tmp_path / "planted", **{place: 200}), PUBLICATIONS_KEPT) == [kind]


def test_what_grows_faster_than_the_data_is_named(tmp_path: Path) -> None:
    even = nights_of(tmp_path)
    *earlier, last = even
    for kind in GROWING:
        assert outgrown([*earlier, last | {kind: last[kind] + 1}], PUBLICATIONS_KEPT) == [kind]
    assert outgrown([*earlier, last | {"dagster": last["dagster"] + 2}], PUBLICATIONS_KEPT) == ["dagster"]
    # The first run may be far smaller: there is nothing it must stand beside.
    assert outgrown([even[0] | {"warehouse.duckdb": 1}, *even[1:]], PUBLICATIONS_KEPT) == []
