"""The exports directory, given anything: names, links, pipes and manifests where nobody expects them."""

import datetime as dt
import json
import os
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import uid
from corpus import CSV, act
from fuzzing import check, in_batches
from hypothesis import strategies as st
from ingesting import House, as_csv

from orchestration.raw import discover, fingerprints, read
from orchestration.raw.discover import part_format, shown_name
from orchestration.raw.ingest import ingest
from orchestration.raw.store import recover

PROMISE = "No tree of names breaks the discovery of deliveries"
TABLES = ("signal_actions", "signals")
OUTSIDE = as_csv([act(1, id=uid(99, 1))])
TARGETS = (
    "..", "../..", ".", "/", "/dev/zero", "/dev/null", "nothing", "part-0000.csv", "2026-03-01",
    "../2026-03-02", "../../signals", "../../../outside",
    "../../../outside/part-0000.csv", "../../elsewhere/part-0000.csv",
)  # fmt: skip

ANY_NAME = st.text(min_size=1, max_size=12) | st.binary(min_size=1, max_size=12).map(os.fsdecode)
PART_NAMES = st.sampled_from(
    ["part-0000.csv", "part-0001.csv.gz", "part-0002.jsonl", "part-0003.parquet", "_manifest.json",
     ".part.csv", "part.csv.tmp", "_SUCCESS",
     "part 'x\".csv", "PART.CSV", "csv", ".csv", "-.csv", "x" * 251 + ".csv"]
) | ANY_NAME | ANY_NAME.map(lambda name: name + ".csv")  # fmt: skip
NIGHT_NAMES = (
    st.sampled_from(["2026-03-01", "2026-03-02", "2026-3-1", "latest", "_2026-03-01", "2026-03-01.tmp"])
    | st.dates(dt.date(2026, 3, 1), dt.date(2026, 3, 9)).map(str)
    | ANY_NAME
)
TABLE_NAMES = st.sampled_from([*TABLES, "passwords"])
MANIFESTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["parts", "part-0000.csv", "rows", "sha256"]) | st.text(), inner)
    ),
    max_leaves=12,
).map(lambda value: json.dumps(value).encode())
CONTENTS = st.sampled_from([CSV, CSV[:-1], b"", b'{"parts": {}}']) | st.binary(max_size=20) | MANIFESTS
THINGS = st.one_of(
    st.tuples(st.just("file"), CONTENTS),
    st.tuples(st.just("folder"), st.none()),
    st.tuples(st.just("pipe"), st.none()),
    st.tuples(st.just("link"), st.sampled_from(TARGETS) | ANY_NAME),
)
PLACES = st.one_of(
    st.tuples(TABLE_NAMES, NIGHT_NAMES, PART_NAMES),
    st.tuples(TABLE_NAMES, NIGHT_NAMES, PART_NAMES),
    st.tuples(TABLE_NAMES, NIGHT_NAMES),
    st.tuples(TABLE_NAMES),
)
TREES = st.lists(st.tuples(PLACES, THINGS), max_size=10)


def put(root: Path, names: tuple[str, ...], kind: str, what: Any) -> None:
    """Put something in the exports, unless something is there, a link leads out, or no such name can be."""
    place = root.joinpath(*names)
    try:
        if os.path.lexists(place) or not Path(os.path.realpath(place)).is_relative_to(root):
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        if kind == "file":
            place.write_bytes(what)
        elif kind == "folder":
            place.mkdir()
        elif kind == "pipe":
            os.mkfifo(place)
        else:
            place.symlink_to(what)
    except (OSError, ValueError):
        return


def judge(tree: list[tuple[tuple[str, ...], tuple[str, Any]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder).resolve()
        house = House(home, *TABLES)
        root = house.settings.exports_dir
        for place in (home / "outside", root / "elsewhere"):
            place.mkdir(parents=True)
        (home / "outside" / "part-0000.csv").write_bytes(OUTSIDE)
        (root / "elsewhere" / "part-0000.csv").write_bytes(CSV)
        for names, (kind, what) in tree:
            if all("/" not in name and "\0" not in name and name not in (".", "..") for name in names):
                put(root, names, kind, what)
        recover(house.settings, house.tables)
        nights = discover.delivered_nights(root, house.tables)
        outcomes = list(ingest(house.settings, house.tables, nights))
        assert [(o.night.date, o.night.table) for o in outcomes] == sorted(
            {(n.date, n.table) for n in nights}
        )
        for outcome in outcomes:
            manifest = outcome.night.manifest or {}
            check(house, outcome, [p.name for p in outcome.parts] + ["_manifest.json", *manifest])
            if outcome.action == "accepted" and outcome.night.table == "signal_actions":
                kept = house.rows("signal_actions", outcome.night.date.day, "id")
                assert (uuid.UUID(uid(99, 1)),) not in kept
        assert expected(root) <= {
            (o.night.table, str(o.night.date), p.name) for o in outcomes for p in o.parts
        }


def expected(root: Path) -> set[tuple[str, str, str]]:
    """Table, night and name of all that has the name of a part and lies in a night's folder."""
    found = set()
    for table in TABLES:
        for day in range(1, 10):
            folder = root / table / f"2026-03-0{day}"
            for path in folder.iterdir() if folder.is_dir() else []:
                hidden = path.name[0] in "._" or path.name.endswith(".tmp")
                if not hidden and part_format(path):
                    found.add((table, folder.name, shown_name(path.name)))
    return found


def test_whatever_lies_in_the_exports_is_delivered_refused_in_a_sentence_or_passed_over(
    long: bool, tried: Callable[[str, str, int], None]
) -> None:
    times = in_batches(TREES, judge, long=long, batches=58)
    tried(PROMISE, "trees of files, folders, links, pipes and manifests", times)


@pytest.mark.parametrize(
    ("modules", "guard", "broken", "tree"),
    [
        (
            (fingerprints, read), "open_within_exports", lambda path: path.open("rb"),
            [(("signal_actions", "2026-03-01", "part-0000.csv"), ("link", "../../../outside/part-0000.csv"))],
        ),
        (
            (read,), "shown_name", str,
            [(("signal_actions", "2026-03-01", "a\nb.csv"), ("file", b""))],
        ),
        (
            (discover,), "_is_part", Path.is_file,
            [(("signals", "2026-03-02", "part-0000.csv"), ("link", "nothing"))],
        ),
    ],
)  # fmt: skip
def test_fuzzing_notices_what_is_followed_told_or_lost(
    monkeypatch: pytest.MonkeyPatch, modules: tuple[Any, ...], guard: str, broken: object, tree: list[Any]
) -> None:
    judge(tree)
    for module in modules:
        monkeypatch.setattr(module, guard, broken)
    with pytest.raises(AssertionError):
        judge(tree)
