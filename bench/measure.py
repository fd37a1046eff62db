"""Runs a command and says what it took: seconds, and the memory of all its processes."""

import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

WAREHOUSE = [sys.executable, "-m", "orchestration.cli"]
GIB = 1 << 30
EVERY = 0.1  # seconds between two looks at the memory


@dataclass(frozen=True)
class Took:
    """What a command took.

    Attributes:
        seconds: from its start to its end.
        peak_bytes: the most memory that it and its processes held at one moment. Shared pages count in each.
    """

    seconds: float
    peak_bytes: int


def warehouse(*command: str, exports: Path | None = None, directory: Path) -> Took:
    """Run the `warehouse` command on a warehouse and measure it.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    places = {"WAREHOUSE_DIR": str(directory), "EXPORTS_DIR": str(exports or "")}
    started = time.monotonic()
    process = subprocess.Popen(  # noqa: S603
        [*WAREHOUSE, *command], env=os.environ | places, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    peak = _Peak(process.pid)
    output, _ = process.communicate()
    seconds = time.monotonic() - started
    peak.end()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, output)
    return Took(seconds, peak.bytes)


class _Peak:
    """Looks at the memory of a process and its descendants again and again."""

    def __init__(self, pid: int) -> None:
        self.bytes = 0
        self._pid, self._ended = pid, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(EVERY):
            self.bytes = max(self.bytes, _memory(self._pid))


def _memory(root: int) -> int:
    """Bytes that a process and its descendants hold now. A process that has just ended holds none."""
    parents, held = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            # The name of a program, which stands in brackets, may hold blanks.
            of_process = (folder / "stat").read_text().rpartition(")")[2].split()
            parents[int(folder.name)], held[int(folder.name)] = int(of_process[1]), int(of_process[21])
    family = {root}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(held.get(pid, 0) for pid in family) * os.sysconf("SC_PAGE_SIZE")
