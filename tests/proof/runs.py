"""What the proofs against faults share: a warehouse to disturb, ways to disturb it, and readers who watch.

The golden nights are the world: `undisturbed` in golden/world.py is what they give. Everything that was
disturbed must in the end publish the same rows.
"""

import multiprocessing
import multiprocessing.connection
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType

import duckdb
import pytest
from golden.world import EXPORTS, WAREHOUSE, deliver, environment, made_once

from orchestration.lock import hold
from orchestration.settings import Settings

NIGHTS = ("2026-01-01", "2026-01-02", "2026-01-03")
DISTURBED = Path(__file__).with_name("disturbed.py")
PATIENCE = 300.0  # seconds after which a process that says nothing is given up
GIVES_WAY = 15  # how much nicer than others a process is

_fork = multiprocessing.get_context("fork")


def command(
    exports_dir: Path, warehouse_dir: Path, *arguments: str, disturbed: Iterable[str] = (), changed: str = ""
) -> list[str]:
    """The words of `warehouse run`; disturbed: at which step what befalls it; changed: how (disturbed.py)."""
    words = ["run", "--exports-dir", str(exports_dir), "--warehouse-dir", str(warehouse_dir), *arguments]
    if disturbed or changed:
        return [sys.executable, str(DISTURBED), *(disturbed or ("-", "-", "-")), changed or "-", *words]
    return [str(WAREHOUSE), *words]


def run(words: list[str], **changes: str) -> subprocess.CompletedProcess[str]:
    """Let a run come to its end."""
    return subprocess.run(  # noqa: S603
        words, capture_output=True, text=True, check=False, env=environment(**changes),
        start_new_session=True,
    )  # fmt: skip


def start(words: list[str], **changes: str) -> subprocess.Popen[bytes]:
    """Start a run in a process group of its own, so that it can be killed with all it started."""
    return subprocess.Popen(  # noqa: S603
        words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(**changes),
        start_new_session=True,
    )  # fmt: skip


def kill(process: subprocess.Popen[bytes]) -> bool:
    """Kill -9 a run and all it started; False if it ended by itself at the last moment."""
    os.killpg(process.pid, signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def two_nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the `exports` of three nights and a `warehouse` that has published two of them.

    Somebody departs in the third, so that its build is one from the beginning.
    """
    return made_once(tmp_path_factory, "two nights", lambda folder: _one_night_behind(folder, 2))


def one_night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the `exports` of two nights and a `warehouse` that has published one of them.

    Nobody departs in the second, so that its build is one upon the earlier.
    """
    return made_once(tmp_path_factory, "one night", lambda folder: _one_night_behind(folder, 1))


def _one_night_behind(folder: Path, published: int) -> None:
    outcome = run(command(exports_of(NIGHTS[:published], folder / "exports"), folder / "warehouse"))
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    exports_of(NIGHTS[published : published + 1], folder / "exports")


def digest(file: Path) -> str:
    """All rows of a published file in one number per table; the publication's run and times aside."""
    sums = []
    with duckdb.connect(str(file), read_only=True) as connection:
        for table, columns in _tables(connection):
            query = f"select count(*), sum(hash(rows)) from (select {columns} from {table}) as rows"
            sums.append(" ".join(map(str, (table, *connection.sql(query).fetchone()))))
    return "\n".join(sums)


def _tables(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """The tables, and their columns that do not differ from run to run."""
    names = connection.sql("select table_name from duckdb_tables() order by all").fetchall()
    return [
        (name, "* exclude (run_id, built_at, nights_behind)" if name == "publication" else "*")
        for (name,) in names
    ]


def tables(file: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every published table, sorted row for row; the publication's run and times aside."""
    with duckdb.connect(str(file), read_only=True) as connection:
        return {
            table: connection.sql(f"select {columns} from {table} order by all").fetchall()
            for table, columns in _tables(connection)
        }


def in_a_child(act: Callable[[], object]) -> int | None:
    """What a function does in a process of its own, which may be killed: its exit code, -9 if it was."""

    def body() -> None:
        act()
        os._exit(0)

    child = _fork.Process(target=body)
    child.start()
    child.join()
    return child.exitcode


@contextmanager
def _another_process(act: Callable[[], object]) -> Iterator[None]:
    """Another process does something and stays; it is killed -9 in the end."""
    ready = _fork.Event()

    def body() -> None:
        kept = act()
        ready.set()
        time.sleep(3600)
        del kept

    process = _fork.Process(target=body)
    process.start()
    try:
        assert ready.wait(PATIENCE), f"process {process.pid} never came to what it was to do"
        yield
    finally:
        process.kill()
        process.join()


def held_open(file: Path) -> AbstractContextManager[None]:
    """Another process builds in a database."""
    return _another_process(lambda: duckdb.connect(str(file)))


def held(config: Settings) -> AbstractContextManager[None]:
    """Another process holds the warehouse."""
    return _another_process(lambda: hold(config))


Change = Callable[[str, tuple[object, ...]], bool]


def killed_at(step: int, act: Callable[[], object], is_change: Change) -> bool:
    """Kill -9 a function in a process of its own before the nth of its changes to files.

    Returns:
        Whether it was killed; False if it came to its end before.
    """

    def body() -> None:
        left = [step]

        def count(event: str, arguments: tuple[object, ...]) -> None:
            if is_change(event, arguments):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        act()

    return in_a_child(body) == -signal.SIGKILL


def any_change(event: str, arguments: tuple[object, ...]) -> bool:
    """Whether Python is about to change files, those of Dagster and of its own aside."""
    if event == "open":
        path, _, flags = arguments
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)
        return bool(writes) and not str(path).startswith("/dev")
    return event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "shutil.copyfile")


class Readers:
    """Processes that look at a published file again and again, at all of it, until told to stop.

    What is done to the file begins when each of them has read it once. They give way to whoever does it.
    Otherwise twenty of them would leave it a twentieth of the machine, and would see less of it.
    """

    def __init__(
        self, file: Path, count: int = 1, pause: float = 0, look: Callable[[Path], str] = digest
    ) -> None:
        """Watch a file with so many readers, each of whom pauses between two looks."""
        self.file = file
        self.look = look
        self.pause = pause
        self.seen: Counter[str] = Counter()
        self.errors: list[str] = []
        self.reads: list[int] = []
        self._begun = _fork.Barrier(count + 1)
        # To each a pipe of its own: an event that they share waits for ever for one that died waiting for it.
        self._pipes = [_fork.Pipe() for _ in range(count)]
        self.processes = [_fork.Process(target=self._read, args=(there,)) for _, there in self._pipes]

    def _read(self, there: multiprocessing.connection.Connection) -> None:
        os.nice(GIVES_WAY)
        seen, errors = Counter([self.look(self.file)]), []
        self._begun.wait()
        while not there.poll(self.pause):
            try:
                seen[self.look(self.file)] += 1
            except (duckdb.Error, OSError, AssertionError) as error:
                errors.append(str(error))
        there.send((seen, errors))

    def __enter__(self) -> "Readers":
        """Start them."""
        for process in self.processes:
            process.start()
        self._begun.wait(PATIENCE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop them, and gather what they saw.

        Raises:
            AssertionError: one of them died, or never said what it saw.
        """
        for here, _ in self._pipes:
            here.send("enough")
        lost = []
        for (here, _), process in zip(self._pipes, self.processes, strict=True):
            multiprocessing.connection.wait([here, process.sentinel], PATIENCE)
            if here.poll():
                seen, errors = here.recv()
                self.seen += seen
                self.errors += errors
                self.reads.append(seen.total())
            else:
                process.kill()
                lost.append(process)
            process.join()
        if lost and error is None:
            raise AssertionError(f"readers that did not say what they saw: {lost}")

    def saw_only(self, allowed: Iterable[str]) -> int:
        """Never an error, and nothing but these publications, by each of them; how often they read."""
        assert self.errors == []
        assert set(self.seen) <= set(allowed)
        assert min(self.reads) > 1, "a reader has read nothing since it began"
        return sum(self.reads)


def wait_until_new(path: Path, process: subprocess.Popen[bytes], before: object) -> bool:
    """Whether a file came that was not there `before` (see `trace`), or the process ended without it."""
    until = time.monotonic() + PATIENCE
    while trace(path) in (None, before):
        if process.poll() is not None or time.monotonic() > until:
            return False
        time.sleep(0.002)
    return True


def trace(path: Path) -> tuple[int, int] | None:
    """What tells a file from another at its place, or None."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


def exports_of(nights: Iterable[str], folder: Path) -> Path:
    """The golden exports of some nights."""
    for night in nights:
        deliver(folder, night, EXPORTS)
    return folder
