"""A file reaches the disk before it takes its place, and its new name reaches the disk afterwards.

A power cut loses whatever was written but not synced, in any order. So when a new file or folder is moved,
all of its present content must be synced already. Its folder must be synced before anything else is moved or
removed.
"""

import os
import shutil
from pathlib import Path

import pytest
from conftest import write_rows
from ingesting import House, march, thing
from members import rows_of
from test_erasure import NIGHTS, SOME, deliver
from test_erasure import House as HouseOfMembers

from orchestration import places
from orchestration.build.manifest import manifest
from orchestration.build.publication import publish, published_tables
from orchestration.settings import settings

PUBLISHED = list(published_tables(manifest()).values())
State = tuple[int, int, int]


def state(found: os.stat_result) -> State:
    """A state that changes when a file, or the names in a folder, are written, but not when it is renamed."""
    return found.st_ino, found.st_size, found.st_mtime_ns


class Disk:
    """Which files and folders have reached the disk, and which new things were moved or vouched for."""

    def __init__(self) -> None:
        """An empty one."""
        self.synced: set[State] = set()
        self.moved: list[Path] = []
        self.vouched: list[str] = []
        self.unnamed: Path | None = None

    def sync(self, descriptor: int) -> None:
        """Note what has reached the disk."""
        found = os.fstat(descriptor)
        self.synced.add(state(found))
        if self.unnamed and found.st_ino == self.unnamed.parent.stat().st_ino:
            self.unnamed = None

    def require(self, *, whole: Path | None = None) -> None:
        """The name of what was moved last has reached the disk, and so has all that `whole` holds."""
        assert self.unnamed is None, f"the name of {self.unnamed} has not reached the disk"
        for path in (whole, *whole.rglob("*")) if whole else ():
            assert state(path.stat()) in self.synced, f"{path} has not reached the disk"

    def move(self, source: Path, target: Path) -> None:
        """Note a move; what already had its place is only moved out of the way."""
        self.require(whole=None if source in self.moved else source)
        if source not in self.moved:
            self.unnamed = target
            self.moved.append(target)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """The disk, watched while the test runs: every sync, move, removal and mark."""
    watched = Disk()
    fsync, replace, rmtree = os.fsync, Path.replace, shutil.rmtree
    touch, unlink = Path.touch, Path.unlink

    def synced(descriptor: int) -> None:
        fsync(descriptor)
        watched.sync(descriptor)

    def moved(source: Path, target: Path) -> Path:
        watched.move(source, target)
        return replace(source, target)

    def removed(folder: Path, **how: bool) -> None:
        watched.require()
        rmtree(folder, **how)

    def vouched(mark: Path) -> None:
        if mark.name == "complete" or mark.parent.name == "empty":
            watched.require(whole=mark.parent)
            watched.vouched.append(mark.name)
        touch(mark)
        watched.unnamed = mark if mark.name == "complete" else watched.unnamed

    def deleted(file: Path, **how: bool) -> None:
        is_there = file.exists()
        unlink(file, **how)
        watched.unnamed = file if is_there and file.suffix == ".duckdb" else watched.unnamed

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", moved)
    monkeypatch.setattr(shutil, "rmtree", removed)
    monkeypatch.setattr(Path, "touch", vouched)
    monkeypatch.setattr(Path, "unlink", deleted)
    return watched


def test_a_night_of_raw_is_on_the_disk_before_it_takes_its_place(tmp_path: Path, disk: Disk) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1)])
    house.ingest()
    house.deliver("things", 1, [thing(1, label="corrected")])
    house.deliver("things", 2, "id\n")
    house.ingest()
    disk.require()
    assert disk.moved.count(house.folder("things", 1)) == 2
    assert house.folder("things", 2, ".refused") in disk.moved


def test_a_warehouse_is_gone_from_the_disk_before_a_night_that_is_read_otherwise_takes_its_place(
    tmp_path: Path, disk: Disk
) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1)])
    house.ingest()
    house.settings.warehouse_file.touch()
    house.ingest(again=[march(1)])
    disk.require()
    assert not house.settings.warehouse_file.exists()
    assert disk.moved.count(house.folder("things", 1)) == 2


def test_acts_whose_ties_are_ordered_again_are_on_the_disk_before_they_take_their_place(
    tmp_path: Path, disk: Disk
) -> None:
    house = House(tmp_path, "signal_actions")
    write_rows(house.settings.exports_dir, "signal_actions", march(1), rows_of("signal_actions", [1]))
    house.ingest()
    shutil.rmtree(house.settings.raw_dir / "signal_actions" / "empty")  # as if it were of another shape
    house.ingest()
    disk.require()
    assert house.folder("signal_actions", 1) / "rows.parquet" in disk.moved
    assert len(disk.vouched) == 2


def test_an_erasure_is_on_the_disk_before_it_is_carried_out(tmp_path: Path, disk: Disk) -> None:
    house = HouseOfMembers(tmp_path)
    deliver(house.settings.exports_dir, NIGHTS[0], [1, 2], SOME)
    deliver(house.settings.exports_dir, NIGHTS[1], [1], SOME)
    assert house.run() == 1
    disk.require()
    assert disk.vouched.count("complete") == 1
    assert house.settings.raw_dir / "users" / str(NIGHTS[0]) / "rows.parquet" in disk.moved
    assert house.settings.erased_file in disk.moved


@pytest.mark.usefixtures("copied")
def test_a_publication_is_on_the_disk_before_readers_find_it(disk: Disk) -> None:
    config = settings()
    shutil.rmtree(config.product_dir)
    archived = publish(config, PUBLISHED)
    disk.require()
    folder = config.product_dir / archived.stem
    assert {archived, folder, config.published_file, config.product_manifest} <= set(disk.moved)


@pytest.mark.usefixtures("disk")
@pytest.mark.parametrize("forgotten", ["sync_whole", "sync"])
def test_a_sync_that_is_forgotten_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgotten: str
) -> None:
    monkeypatch.setattr(places, forgotten, lambda _path: None)
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1)])
    with pytest.raises(AssertionError, match="has not reached the disk"):
        house.ingest()
        house.deliver("things", 1, [thing(2)])
        house.ingest()
