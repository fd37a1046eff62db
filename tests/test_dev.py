"""`warehouse dev` as a script starts it: it ends when it is told to, with all that it started."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

SECONDS = 120  # an idle machine needs ten


def test_it_ends_on_int_and_on_term_though_the_script_had_int_ignored(tmp_path: Path) -> None:
    told = (signal.SIGINT, signal.SIGTERM)
    started = [dev(tmp_path / way.name) for way in told]
    try:
        for way, process in zip(told, started, strict=True):
            log = tmp_path / way.name / "log"
            assert within(SECONDS, lambda log=log: "Serving dagster-webserver" in log.read_text())
            assert len(session(process.pid)) >= 4, "itself, the page, the daemon and the code"
            process.send_signal(way)
        for process in started:
            assert process.wait(SECONDS) == 0
            assert within(SECONDS, lambda process=process: not session(process.pid))
    finally:
        for process in started:
            for pid in session(process.pid):
                os.kill(pid, signal.SIGKILL)
            process.wait()


def dev(folder: Path) -> subprocess.Popen[bytes]:
    """Start it in a session of its own, with INT ignored: so a shell starts what a script leaves running."""
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = Path(sys.executable).with_name("warehouse")
    with (folder / "log").open("w") as log:
        return subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "script", command, "dev", "--port", str(port)],
            stdout=log, stderr=log, start_new_session=True,
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
