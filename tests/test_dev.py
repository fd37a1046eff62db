"""`warehouse dev` and `make dev` as a script starts them: told to, each ends with all its processes."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from orchestration.settings import PROJECT_DIR

SECONDS = 120  # an idle machine needs ten
BIN = Path(sys.executable).parent
WAREHOUSE = (BIN / "warehouse", "dev", "--port", "{port}")
# What it would set up is there.
MAKE = ("make", "--directory", PROJECT_DIR, "--old-file", ".venv/ready", f"BIN={BIN}", "dev", "PORT={port}")


def test_it_ends_when_told_to_though_the_script_had_int_ignored(tmp_path: Path) -> None:
    """`warehouse dev` ends on INT and on TERM. make ends on TERM alone, because it keeps INT ignored."""
    ways = ((WAREHOUSE, signal.SIGINT, 0), (WAREHOUSE, signal.SIGTERM, 0), (MAKE, signal.SIGTERM, -15))
    folders = [tmp_path / str(number) for number in range(len(ways))]
    started = [dev(folder, command) for folder, (command, _, _) in zip(folders, ways, strict=True)]
    try:
        for folder, process, (_, told, _) in zip(folders, started, ways, strict=True):
            log = folder / "log"
            assert within(SECONDS, lambda log=log: "Serving dagster-webserver" in log.read_text())
            assert len(session(process.pid)) >= 4, "itself, the page, the daemon and the code"
            process.send_signal(told)
        for process, (_, _, code) in zip(started, ways, strict=True):
            assert process.wait(SECONDS) == code
            assert within(SECONDS, lambda process=process: not session(process.pid))
    finally:
        for process in started:
            for pid in session(process.pid):
                os.kill(pid, signal.SIGKILL)
            process.wait()


def dev(folder: Path, command: Sequence[str | Path]) -> subprocess.Popen[bytes]:
    """Start it in a session of its own and with INT ignored, as a script starts a background program."""
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [str(word).replace("{port}", str(port)) for word in command]
    with (folder / "log").open("w") as log:
        return subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "script", *words],
            stdout=log, stderr=log, start_new_session=True,
            # A run of Dagster in this process maps TERM to INT, which may be ignored where tests are started.
            # make would inherit that, and ignore what it is told here.
            preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL),
            env=os.environ | {"WAREHOUSE_DIR": str(folder / "warehouse"), "DAGSTER_HOME": ""},
        )  # fmt: skip


def within(seconds: int, happened: Callable[[], bool]) -> bool:
    """Whether something happened before so many seconds were over."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def session(leader: int) -> list[int]:
    """The processes of a session that have not ended."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of = file.read_text().rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(of) == leader and state != "Z":
            found.append(int(file.parent.name))
    return found
