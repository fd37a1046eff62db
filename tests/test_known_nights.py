"""A night that was ingested is recognised. A night that another version of the reader read is read again."""

import shutil
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

from orchestration.raw import check, json_text, jsonl_source, read
from orchestration.raw.account import known_parts, left_behind

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
