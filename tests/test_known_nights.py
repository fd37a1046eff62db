"""A night that was ingested is recognised. A night that another version of the reader read is read again."""

import datetime as dt
import os
import shutil
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
from ingesting import (
    GIVEN,
    PLANTED,
    TABLES,
    THINGS,
    House,
    as_jsonl,
    march,
    parquet,
    signal,
    standing,
    thing,
    user,
    with_column,
)

from orchestration.raw import check, fingerprints, json_text, jsonl_source, read
from orchestration.raw.account import known_parts, left_behind


@pytest.fixture
def read_now(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The parts of which a run reads every byte to know them, as if all had been delivered long ago."""
    read: list[str] = []

    def checksum(path: Path) -> str:
        read.append(path.name)
        return checksum_of(path)

    checksum_of = fingerprints.checksum
    monkeypatch.setattr(fingerprints, "checksum", checksum)
    monkeypatch.setattr(fingerprints, "STEP", -(10**18))
    return read


def house_of_a_night(home: Path) -> tuple[House, Path]:
    """A house that has taken in a night, and the part of the night."""
    house = House(home, "things")
    part = house.deliver("things", 1, [thing(1, label="first")])
    house.ingest()
    return house, part


# What was already ingested is recognised


def test_a_second_delivery_of_the_same_costs_nothing(tmp_path: Path) -> None:
    house = House(tmp_path, "things", "signals")
    house.deliver("things", 1, GIVEN)
    house.deliver("signals", 1, [signal(1)], "part-0000.jsonl.gz")
    assert house.actions() == {("signals", 1): "accepted", ("things", 1): "accepted"}
    before = standing(house.folder("things", 1))
    assert before.keys() == {"rows.parquet", "rejected.parquet", "delivered.parquet"}
    house.deliver("things", 1, GIVEN)
    assert house.actions() == {("signals", 1): "known", ("things", 1): "known"}
    assert standing(house.folder("things", 1)) == before


def test_a_known_night_still_says_how_many_rows_it_has(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1), thing(2, kind="odd")])
    house.ingest()
    (outcome,) = house.ingest()
    assert (outcome.action, outcome.rows, outcome.rejected) == ("known", 2, 1)


def test_a_night_asked_for_is_read_again_and_no_other(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1)])
    house.deliver("things", 2, [thing(2)])
    house.ingest()
    assert house.actions(again=[march(2)]) == {("things", 1): "known", ("things", 2): "accepted"}


def test_corrected_content_replaces_the_night(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1), thing(2)])
    house.deliver("things", 2, [thing(3)])
    house.ingest()
    house.deliver("things", 1, [thing(1, label="corrected")])
    assert house.actions() == {("things", 1): "accepted", ("things", 2): "known"}
    assert house.rows("things", 1, "size", "label") == [(1, "corrected")]
    assert house.delivered("things", 1) == [("part-0000.csv", "accepted", None, 1, 0)]


def test_a_part_that_was_added_or_taken_away_replaces_the_night(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1)])
    house.ingest()
    added = house.deliver("things", 1, [thing(2)], "part-0001.parquet")
    assert house.actions() == {("things", 1): "accepted"}
    assert house.rows("things", 1, "size") == [(1,), (2,)]
    added.unlink()
    assert house.actions() == {("things", 1): "accepted"}
    assert house.rows("things", 1, "size") == [(1,)]


def test_a_part_under_another_name_replaces_the_night(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    path = house.deliver("things", 1, [thing(1)])
    house.ingest()
    path.rename(path.with_name("part-0007.csv"))
    assert house.actions() == {("things", 1): "accepted"}
    assert house.rows("things", 1, "size", "part") == [(1, "part-0007.csv")]


def test_a_delivery_that_is_gone_from_the_exports_stays_in_raw(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1)])
    house.ingest()
    shutil.rmtree(house.settings.exports_dir)
    assert house.actions() == {}
    assert house.rows("things", 1, "size") == [(1,)]
    assert known_parts(house.settings).keys() == {("things", march(1))}


def test_a_contract_that_gained_a_column_reads_again_only_that_table(tmp_path: Path) -> None:
    house = House(tmp_path, "things", "signals")
    house.deliver("signals", 1, [signal(1)])
    house.deliver("things", 1, [thing(1) | {"colour": "red"}, thing(2) | {"colour": None}])
    house.deliver("things", 2, [thing(3)])
    house.ingest()
    house.tables["things"] = with_column(THINGS, "colour")
    assert house.actions() == {("signals", 1): "known", ("things", 1): "accepted", ("things", 2): "accepted"}
    assert house.rows("things", 1, "size", "colour") == [(1, "red"), (2, None)]
    assert house.rows("things", 2, "size", "colour") == [(3, None)]
    assert set(house.actions().values()) == {"known"}


# What another reader read


def everything_in(house: House, table: str) -> dict[str, list[tuple[Any, ...]]]:
    """All that stands in raw of a table, by file."""
    folder = house.settings.raw_dir / table
    return {
        str(path.relative_to(folder)): parquet(path, "select *", "order by all")
        for path in sorted(folder.glob("2*/*.parquet"))
    }


def test_what_another_reader_read_is_read_again_and_no_more_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path, "things", "signals")
    house.deliver("things", 1, [thing(1)])
    house.deliver("signals", 2, [signal(1)])
    with monkeypatch.context() as earlier:
        earlier.setattr(read, "READER", "an earlier one")
        house.ingest()
        assert house.actions() == {("things", 1): "known", ("signals", 2): "known"}
    assert house.actions() == {("things", 1): "accepted", ("signals", 2): "accepted"}
    assert house.actions() == {("things", 1): "known", ("signals", 2): "known"}


def test_an_upgraded_warehouse_holds_what_a_fresh_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An earlier version let addresses and repeated keys pass. Both versions refuse one night."""
    upgraded = House(tmp_path / "upgraded", "users", "things")
    upgraded.deliver("users", 1, [user(1, homeSceneCity=PLANTED), user(2)])
    upgraded.deliver("things", 1, [thing(1, label="kept")])
    twice = as_jsonl([thing(2)]).replace(b'"thing 2"', b'"one", "label": "two"')
    upgraded.deliver("things", 2, twice, "part-0000.jsonl")
    upgraded.deliver("things", 3, "id\n")
    with monkeypatch.context() as earlier:
        earlier.setattr(read, "READER", "an earlier one")
        earlier.setattr(check, "PERSONAL_TEXT", "nothing is")
        for module in (json_text, jsonl_source):
            earlier.setattr(module, "repeats_a_key", lambda *_: "false")
        upgraded.ingest()
    assert upgraded.rows("users", 1, "homeSceneCity") == [(PLANTED,), ("Bern",)]
    assert upgraded.rows("things", 2, "label") == [("one",)]
    assert upgraded.actions() == {
        ("things", 1): "accepted",
        ("users", 1): "accepted",
        ("things", 2): "refused",
        ("things", 3): "refused",
    }
    fresh = House(tmp_path / "fresh", "users", "things")
    shutil.copytree(upgraded.settings.exports_dir, fresh.settings.exports_dir)
    fresh.ingest()
    for table in fresh.tables:
        assert everything_in(upgraded, table) == everything_in(fresh, table)
    assert upgraded.rows("users", 1, "homeSceneCity") == [("(withheld)",), ("Bern",)]
    assert not upgraded.folder("things", 2).exists()


def test_what_was_read_otherwise_and_is_gone_from_the_exports_stays_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path, "things", "signals")
    with monkeypatch.context() as earlier:
        earlier.setattr(read, "READER", "an earlier one")
        for day in (1, 2, 3, 4):
            house.deliver("things", day, [thing(day)])
        house.deliver("signals", 1, [signal(1)])
        house.ingest()
        assert left_behind(house.settings, house.tables) == {}
    for day in (1, 2):
        shutil.rmtree(house.settings.exports_dir / "things" / str(march(day)))
    (house.settings.exports_dir / "things" / str(march(3)) / "part-0000.csv").rename(
        house.settings.exports_dir / "things" / str(march(3)) / "_part-0000.csv"
    )
    house.ingest()
    assert left_behind(house.settings, house.tables) == {"things": ["2026-03-01", "2026-03-02", "2026-03-03"]}
    assert house.rows("things", 1, "size") == [(1,)]
    # Of what this reader read, too, once the contract is another.
    shutil.rmtree(house.settings.exports_dir)
    assert left_behind(house.settings, house.tables).keys() == {"things"}
    house.tables["signals"] = with_column(TABLES["signals"], "colour")
    assert left_behind(house.settings, house.tables)["signals"] == ["2026-03-01"]


@pytest.mark.parametrize("contract_too", [False, True], ids=["reader", "reader and contract"])
def test_a_night_that_is_refused_now_leaves_raw_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, contract_too: bool
) -> None:
    """A fresh warehouse would not have this night; the earlier version accepted a repeated key."""
    house = House(tmp_path, "things")
    twice = as_jsonl([thing(1)]).replace(b'"thing 1"', b'"one", "label": "two"')
    house.deliver("things", 1, twice, "part-0000.jsonl")
    with monkeypatch.context() as earlier:
        earlier.setattr(read, "READER", "an earlier one")
        for module in (json_text, jsonl_source):
            earlier.setattr(module, "repeats_a_key", lambda *_: "false")
        assert house.actions() == {("things", 1): "accepted"}
    if contract_too:
        house.tables["things"] = with_column(THINGS, "colour")
    assert house.actions() == {("things", 1): "refused"}
    assert not house.folder("things", 1).exists()
    assert "; it was accepted before, and its rows leave the warehouse" in caplog.text
    caplog.clear()
    assert house.actions() == {("things", 1): "refused"}
    assert "leave the warehouse" not in caplog.text


def test_what_was_read_otherwise_and_has_a_refused_correction_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exports no longer have the accepted delivery, although they have another one of that night."""
    house = House(tmp_path, "things")
    with monkeypatch.context() as earlier:
        earlier.setattr(read, "READER", "an earlier one")
        house.deliver("things", 1, [thing(1)])
        house.ingest()
    house.deliver("things", 1, "id\n")
    assert house.actions() == {("things", 1): "refused"}
    assert house.rows("things", 1, "size") == [(1,)]
    assert left_behind(house.settings, house.tables) == {"things": ["2026-03-01"]}
    house.deliver("things", 1, [thing(2)])
    assert house.actions() == {("things", 1): "accepted"}
    assert left_behind(house.settings, house.tables) == {}


def test_what_was_read_before_readers_were_told_apart_is_read_again(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1)])
    house.ingest()
    for path in house.settings.raw_dir.glob("things/*/delivered.parquet"):
        with duckdb.connect() as connection:
            connection.read_parquet(str(path)).select("* exclude (reader)").create("account")
            connection.table("account").write_parquet(str(path))
    assert list(known_parts(house.settings)) == [("things", march(1))]
    shutil.move(house.settings.exports_dir, tmp_path / "away")
    assert left_behind(house.settings, house.tables) == {"things": ["2026-03-01"]}
    shutil.move(tmp_path / "away", house.settings.exports_dir)
    assert house.actions() == {("things", 1): "accepted"}
    assert house.actions() == {("things", 1): "known"}


def test_what_is_read_otherwise_has_the_warehouse_built_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1)])
    house.ingest()
    house.settings.warehouse_file.touch()
    house.deliver("things", 2, [thing(2)])
    house.deliver("things", 1, [thing(1, label="corrected")])
    house.ingest()
    assert house.settings.warehouse_file.exists()  # other deliveries show in the account
    monkeypatch.setattr(read, "READER", "a later one")
    assert house.actions() == {("things", 1): "accepted", ("things", 2): "accepted"}
    assert not house.settings.warehouse_file.exists()
    house.settings.warehouse_file.touch()
    house.ingest(again=[march(2)])
    assert not house.settings.warehouse_file.exists()


# A part that has not changed is not read again


def test_a_part_is_not_read_again_while_nothing_shows_that_it_has_changed(
    tmp_path: Path, read_now: list[str]
) -> None:
    house, _ = house_of_a_night(tmp_path)
    house.deliver("things", 2, [thing(2)], "part-0001.jsonl.gz")
    assert house.actions() == {("things", 1): "known", ("things", 2): "accepted"}
    assert house.actions() == {("things", 1): "known", ("things", 2): "known"}
    assert read_now == ["part-0000.csv", "part-0001.jsonl.gz"]


def test_a_part_that_was_delivered_just_now_is_read_again(
    tmp_path: Path, read_now: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may change once more at an instant that the file system cannot tell from the first."""
    monkeypatch.setattr(fingerprints, "STEP", 60 * 10**9)
    house, _ = house_of_a_night(tmp_path)
    house.ingest()
    assert len(read_now) == 2


@pytest.mark.parametrize("is_set_back", [False, True], ids=["later", "set back"])
def test_a_change_of_the_same_size_shows_even_if_the_time_of_the_content_was_set_back(
    tmp_path: Path, read_now: list[str], is_set_back: bool
) -> None:
    house, part = house_of_a_night(tmp_path)
    before = part.stat()
    time.sleep(0.02)  # one step of the clock of any usual file system
    with part.open("r+b") as file:  # as `rsync --inplace` does: the inode stays
        content = file.read().replace(b"first", b"other")
        file.seek(0)
        file.write(content)
    if is_set_back:
        os.utime(part, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = part.stat()
    assert (after.st_size, after.st_ino) == (before.st_size, before.st_ino)
    assert (after.st_mtime_ns == before.st_mtime_ns) == is_set_back
    assert house.actions() == {("things", 1): "accepted"}
    assert house.rows("things", 1, "label") == [("other",)]
    assert len(read_now) == 2


def swap_unseen(house: House, part: Path) -> None:
    """Another content, of which everything that shows says that it is the known one."""
    part.write_bytes(part.read_bytes().replace(b"first", b"other"))
    kept = fingerprints.load(house.settings)
    ((name, (_, sha256)),) = kept.parts.items()
    kept.parts[name], kept.has_changed = (fingerprints.state_of(part.stat()), sha256), True
    fingerprints.keep(house.settings, kept)


@pytest.mark.usefixtures("read_now")
def test_what_does_not_show_is_found_when_somebody_asks_for_it(tmp_path: Path) -> None:
    house, part = house_of_a_night(tmp_path)
    swap_unseen(house, part)
    assert house.actions() == {("things", 1): "known"}
    fingerprints.forget(house.settings)
    assert house.actions() == {("things", 1): "accepted"}


@pytest.mark.usefixtures("read_now")
@pytest.mark.parametrize(
    ("age", "action"),
    [({"days": 6, "hours": 23}, "known"), ({"days": 7}, "accepted"), ({"hours": -1}, "accepted")],
    ids=["within a week", "a week ago", "the clock went back"],
)
def test_once_a_week_every_part_is_read(tmp_path: Path, age: dict[str, int], action: str) -> None:
    house, part = house_of_a_night(tmp_path)
    swap_unseen(house, part)
    kept = fingerprints.load(house.settings)
    kept.since, kept.has_changed = (dt.datetime.now(dt.UTC) - dt.timedelta(**age)).isoformat(), True
    fingerprints.keep(house.settings, kept)
    assert house.actions() == {("things", 1): action}


@pytest.mark.usefixtures("read_now")
def test_a_night_asked_for_is_read_whatever_shows(tmp_path: Path) -> None:
    house, part = house_of_a_night(tmp_path)
    swap_unseen(house, part)
    assert house.actions(again=[march(1)]) == {("things", 1): "accepted"}
    assert house.rows("things", 1, "label") == [("other",)]


@pytest.mark.parametrize("damage", ["gone", "empty", "cut off", "one letter", "not text"])
def test_fingerprints_that_are_damaged_are_not_trusted_and_no_error(
    tmp_path: Path, read_now: list[str], damage: str
) -> None:
    house, _ = house_of_a_night(tmp_path)
    file = house.settings.fingerprints_file
    whole = file.read_bytes()
    file.unlink()
    if damage != "gone":
        file.write_bytes(
            {
                "empty": b"", "cut off": whole[:-3], "not text": whole + b"\xff",
                "one letter": whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:],
            }[damage]
        )  # fmt: skip
    for _ in range(2):
        assert house.actions() == {("things", 1): "known"}
    assert len(read_now) == 2, "once at first, once after the damage"


def test_fingerprints_that_cannot_be_written_break_no_run(
    tmp_path: Path, read_now: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_a_full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(fingerprints, "write_for_good", on_a_full_disk)
        house, _ = house_of_a_night(tmp_path)
    assert not house.settings.fingerprints_file.exists()
    assert house.actions() == {("things", 1): "known"}
    assert len(read_now) == 2
