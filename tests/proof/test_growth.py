"""Files grow no faster than the data delivered, over sixty nights."""

import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import dagster as dg
import pytest

from orchestration.definitions import defs
from orchestration.lock import let_go
from orchestration.sample import SampleSize, write_sample
from orchestration.settings import PROJECT_DIR, settings
from orchestration.upkeep.status import sizes

# Nights, nights that arrive between two runs, and days of history before them.
LONG = (60, 10, 120)
SHORT = (9, 4, 60)
GROWING = ("raw", "warehouse", "published")


@pytest.fixture
def run_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], dict[str, int]]:
    """Run the nightly job into a warehouse, recorded as Dagster records it; the sizes after it."""

    def run(warehouse_dir: Path) -> dict[str, int]:
        monkeypatch.setenv("EXPORTS_DIR", str(tmp_path / "exports"))
        monkeypatch.setenv("WAREHOUSE_DIR", str(warehouse_dir))
        monkeypatch.setenv("DAGSTER_HOME", str(warehouse_dir / "dagster"))
        config = settings()
        config.dagster_home.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT_DIR / "orchestration" / "dagster.yaml", config.dagster_home)
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        with dg.DagsterInstance.get() as instance:
            result = defs.resolve_job_def("nightly").execute_in_process(run_config=quiet, instance=instance)
        let_go(config)
        assert result.success
        return sizes(config)

    return run


def outgrown(measured: list[dict[str, int]]) -> list[str]:
    """What grew by more bytes than were delivered between the second run and the last.

    The second: the first has no earlier build whose place it could take. Dagster keeps a record of each run,
    whatever was delivered: that of a later run must not be larger.
    """
    _, second, *_, last = measured
    delivered = last["delivered"] - second["delivered"]
    faster = [kind for kind in GROWING if last[kind] - second[kind] > delivered]
    records = [later["dagster"] - earlier["dagster"] for earlier, later in pairwise(measured)]
    return faster + ["dagster"] * (records[-1] > 1.1 * records[0])


def test_files_grow_no_faster_than_the_data(
    long: bool,
    tried: Callable[[str, str, int], None],
    tmp_path: Path,
    run_once: Callable[[Path], dict[str, int]],
) -> None:
    nights, step, history_days = LONG if long else SHORT
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
    delivered = 0
    measured = []
    for count, night in enumerate(written):
        for folder in sorted((tmp_path / "written").glob(f"*/{night}")):
            delivered += sum(part.stat().st_size for part in folder.iterdir())
            arrived = tmp_path / "exports" / folder.parent.name / night.isoformat()
            arrived.parent.mkdir(parents=True, exist_ok=True)
            folder.rename(arrived)
        if count % step == 0 or night == written[-1]:
            measured.append(run_once(tmp_path / "warehouse") | {"delivered": delivered})
    tried("files grow no faster than the data", f"nights, in {len(measured)} runs of the real job", nights)
    print(*measured, sep="\n")
    assert outgrown(measured) == [], measured
    assert measured[-1]["raw"] <= delivered
    if long:
        # While a table is built anew the old one stands beside it, and that space is used again: never more.
        anew = run_once(tmp_path / "anew")
        assert measured[-1]["warehouse"] <= 2.5 * anew["warehouse"], anew


def test_what_grows_faster_than_the_data_is_named() -> None:
    sizes_of = {"raw": 10, "warehouse": 100, "published": 20, "dagster": 4, "delivered": 10}
    even = [{kind: size + 10 * run for kind, size in sizes_of.items()} for run in range(4)]
    assert outgrown(even) == []
    for kind in GROWING:
        assert outgrown([*even[:-1], even[-1] | {kind: even[-1][kind] + 1}]) == [kind]
    assert outgrown([*even[:-1], even[-1] | {"dagster": even[-1]["dagster"] + 2}]) == ["dagster"]
    # The first run may be far smaller: there is nothing it must stand beside.
    assert outgrown([even[0] | {"warehouse": 1}, *even[1:]]) == []
