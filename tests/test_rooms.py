"""The rooms of the package are separate: each imports only those before it; none does anything on import."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration.settings import PACKAGE_DIR

# Each room and the others that it may ask. What lies at the top of the package is open to all.
MAY_ASK = {
    "raw": set(),
    "sample": {"raw"},
    "build": {"raw"},
    "site": set(),
    "policy": {"raw", "build", "site"},
    "ask": {"raw", "build", "site"},
    "assets": {"raw", "build", "site", "policy", "ask"},
    "cli": {"raw", "sample", "build", "site", "policy", "ask", "assets", "definitions"},
}
TOP = {"database", "lists", "lock", "places", "settings"}
LOOKS_AROUND = """
import json, os, sys
before, started = dict(os.environ), []
sys.addaudithook(lambda event, told: started.append(str(told[1][0])) if event == "subprocess.Popen" else None)
for module in sys.argv[1:]:
    __import__(module)
print(json.dumps([dict(os.environ) == before, started]))
"""


BUSY = "import os, subprocess\nos.environ['A'] = 'b'\nsubprocess.run(['true'])\n"


def modules() -> Iterator[tuple[str, str]]:
    """Every module of the package, and the room it lies in."""
    for path in sorted(PACKAGE_DIR.rglob("*.py")):
        parts = path.relative_to(PACKAGE_DIR).with_suffix("").parts
        if parts[0] != "project":
            yield ".".join(("orchestration", *parts)), parts[0] if len(parts) > 1 else ""


def asked(source: str) -> set[str]:
    """The rooms that a source imports from, wherever it does; of the top of the package, the modules."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "orchestration":
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("orchestration."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {n.name.split(".")[1] for n in node.names if n.name.startswith("orchestration.")}
    return found


def beyond(room: str, source: str) -> set[str]:
    """What a source in a room asks and must not; what lies at the top asks no room."""
    return asked(source) - TOP - ({room, *MAY_ASK[room]} if room else set())


@pytest.mark.parametrize(("module", "room"), list(modules()))
def test_a_room_asks_only_those_before_it(module: str, room: str) -> None:
    if module != "orchestration.definitions":  # which gathers what Dagster shows
        path = PACKAGE_DIR.joinpath(*module.split(".")[1:]).with_suffix(".py")
        assert beyond(room, path.read_text()) == set()


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("raw", "from orchestration.build.run import write_run"),
        ("build", "def f():\n    from orchestration.assets import models"),
        ("ask", "import orchestration.cli.run"),
        ("", "from orchestration.raw.read import read_part"),
        ("policy", "from orchestration import definitions"),
    ],
)
def test_who_asks_a_later_room_is_found(room: str, source: str) -> None:
    assert beyond(room, source)


def test_nothing_happens_on_import() -> None:
    """No program is started, dbt among them, and the environment stays as it is."""
    names = [module for module, _ in modules() if not module.endswith("__main__")]
    outcome = subprocess.run(  # noqa: S603
        [sys.executable, "-c", LOOKS_AROUND, *names], capture_output=True, text=True, check=True
    )
    untouched, started = json.loads(outcome.stdout)
    assert untouched
    # A library asks what kind of machine this is.
    assert set(started) <= {"file"}


def test_a_room_that_does_something_on_import_is_found(tmp_path: Path) -> None:
    (tmp_path / "busy.py").write_text(BUSY)
    outcome = subprocess.run(  # noqa: S603
        [sys.executable, "-c", LOOKS_AROUND, "busy"], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert json.loads(outcome.stdout) == [False, ["true"]]
