"""Raw stays correct after a run that broke off, and whatever bytes are delivered."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ingesting import PLANTED, House, as_csv, in_format, signal, thing

from orchestration.raw.account import refusal
from orchestration.raw.discover import FORMATS
from orchestration.raw.store import recover

# A run that broke off


class BrokenOffError(Exception):
    """The machine was switched off."""


def test_a_night_that_was_being_replaced_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1)])
    house.ingest()
    house.deliver("things", 1, [thing(2)])
    replace_file = Path.replace

    def breaks_off(path: Path, target: Path) -> Path:
        if target == house.folder("things", 1):
            raise BrokenOffError
        return replace_file(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", breaks_off)
        with pytest.raises(BrokenOffError):
            house.ingest()
    assert not house.folder("things", 1).exists()
    recover(house.settings, house.tables)
    assert house.rows("things", 1, "size") == [(1,)]
    assert not house.settings.incoming_dir.exists()
    assert house.actions() == {("things", 1): "accepted"}
    assert house.rows("things", 1, "size") == [(2,)]


def test_a_night_that_was_just_replaced_stays_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1)])
    house.ingest()
    house.deliver("things", 1, [thing(2)])
    rmtree = shutil.rmtree

    def breaks_off(path: Path, **options: Any) -> None:
        if "replaced" in path.parts and path.exists():
            raise BrokenOffError
        rmtree(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", breaks_off)
        with pytest.raises(BrokenOffError):
            house.ingest()
    assert (house.settings.incoming_dir / "replaced" / "things" / "2026-03-01").exists()
    recover(house.settings, house.tables)
    assert house.rows("things", 1, "size") == [(2,)]
    assert not house.settings.incoming_dir.exists()
    assert house.actions() == {("things", 1): "known"}


def test_what_lies_about_in_incoming_is_removed(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    work = house.settings.incoming_dir / "work" / "night"
    work.mkdir(parents=True)
    (work / "rows.parquet").write_bytes(b"half a file")
    (work.parent / "part").write_text(PLANTED)
    recover(house.settings, house.tables)
    assert not house.settings.incoming_dir.exists()
    assert PLANTED not in house.everything_written()


def test_nothing_is_left_in_incoming_after_a_run(tmp_path: Path) -> None:
    house = House(tmp_path, "things")
    house.deliver("things", 1, [thing(1)], "part-0000.csv.gz")
    house.deliver("things", 2, "id,size\n")
    house.ingest()
    house.deliver("things", 1, [thing(2)], "part-0000.csv.gz")
    house.ingest()
    assert [path for path in house.settings.incoming_dir.rglob("*") if path.is_file()] == []
    assert {path.name for path in (house.settings.raw_dir / "things").iterdir()} == {
        "empty", "2026-03-01", "2026-03-02.refused",
    }  # fmt: skip


# Whatever is delivered

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
FREE_ROWS = st.lists(
    st.tuples(st.none() | TEXT, st.none() | st.dictionaries(TEXT, JSON, max_size=3)), min_size=1, max_size=8
)


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the examples of a property live, each in a folder of its own."""
    return tmp_path_factory.mktemp("homes")


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(rows=FREE_ROWS, formats=st.lists(st.sampled_from(FORMATS), min_size=1, max_size=4), data=st.data())
def test_rows_are_the_same_over_any_parts_in_any_formats(
    homes: Path, rows: list[tuple[str | None, dict[str, Any] | None]], formats: list[str], data: st.DataObject
) -> None:
    parts: list[list[dict[str, Any]]] = [[] for _ in formats]
    for number, (label, details) in enumerate(rows, start=1):
        text = None if details is None else json.dumps(details)
        parts[data.draw(st.integers(0, len(parts) - 1))].append(thing(number, label=label, details=text))
    with tempfile.TemporaryDirectory(dir=homes) as home:
        house = House(Path(home), "things")
        for number, (fmt, part) in enumerate(zip(formats, parts, strict=True)):
            if part:
                house.deliver("things", 1, part, f"part-000{number}.{fmt}")
        (outcome,) = house.ingest()
        assert (outcome.action, outcome.rows, outcome.rejected) == ("accepted", len(rows), 0)
        read = house.rows("things", 1, "size", "label", "details")
    found = {size: (label, details and json.loads(details)) for size, label, details in read}
    assert found == dict(enumerate(rows, start=1))


WHOLE = {
    fmt: in_format([thing(n, label=PLANTED, details='{"a": [1]}') for n in range(1, 9)], fmt)
    for fmt in FORMATS
}


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    """A name, and bytes that are no file at all or a good file with a piece of it replaced."""
    fmt = draw(st.sampled_from(FORMATS))
    piece = draw(st.binary(max_size=40))
    if draw(st.booleans()):
        return fmt, piece
    whole = WHOLE[fmt]
    start = draw(st.integers(0, len(whole)))
    return fmt, whole[:start] + piece + whole[start + draw(st.integers(0, 60)) :]


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(part=damaged())
@example(part=("csv", as_csv([thing(1) | {"extra": "x"}]) + b"\xff" * 9 + b"," * 9 + b"\n"))
@example(part=("csv", WHOLE["csv"].replace(b"label,", b"lxbel,").replace(b"loud", b"lo\xffd", 1)))
@example(part=("jsonl", b"[" * 100_000))
@example(part=("jsonl", b"7\nnull\n[]\n{}\n"))
def test_whatever_bytes_a_part_has_its_night_is_accepted_or_refused(
    homes: Path, part: tuple[str, bytes]
) -> None:
    fmt, content = part
    with tempfile.TemporaryDirectory(dir=homes) as home:
        house = House(Path(home), "things", "signals")
        house.deliver("things", 1, content, f"part-0000.{fmt}")
        house.deliver("signals", 2, [signal(1)])
        broken, good = house.ingest()
        assert (good.action, good.rows) == ("accepted", 1)
        if broken.action == "refused":
            assert f"part-0000.{fmt}" in refusal(broken)
            assert PLANTED not in house.everything_written()
        else:
            assert broken.action == "accepted"
            accepted = len(house.rows("things", 1, "row_number"))
            assert accepted == broken.rows - broken.rejected <= 9
