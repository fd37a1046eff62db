"""How a database or a night takes its place: written to the disk, by one rename, beside no log of DuckDB's.

A client that has a database open for writing keeps a log beside it, `<file>.wal`. If the client is killed,
the log stays, and DuckDB replays it onto whatever file has that name later. A finished database of ours never
has one: a log beside it holds changes of somebody else. Changes that reached the file itself show by its
time, which is that of its build.
"""

import datetime as dt
import errno
import fcntl
import glob
import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from orchestration.database import literal
from orchestration.lock import WarehouseBusyError
from orchestration.settings import HinderedError

log = logging.getLogger("warehouse")

# Seconds a client may keep a database that a run needs.
PATIENCE = 10
# Some file systems count the time of a file in steps of two seconds.
SEAL_STEP = dt.timedelta(seconds=2)


class LogBesideError(HinderedError):
    """A log of somebody else lies beside a finished database."""


def logs_beside(database: Path) -> list[Path]:
    """The logs that DuckDB would replay onto a database, or onto the next file of its name."""
    file = Path(os.path.realpath(database))
    return sorted(file.parent.glob(f"{glob.escape(file.name)}.wal*"))


def logs_in(folder: Path) -> list[Path]:
    """The logs of all databases in a folder, also of those that are gone."""
    return sorted(folder.glob("*.duckdb.wal*"))


def remove_logs(logs: list[Path]) -> None:
    """Delete logs and say so; from then on each database is again what its file holds."""
    for file in logs:
        file.unlink(missing_ok=True)
        log.warning("deleted %s, left by a client that did not end well; its changes are lost", file)
    for folder in {file.parent for file in logs}:
        sync(folder)


def clear(database: Path) -> None:
    """Delete the logs beside a database that no client has open for writing.

    Raises:
        WarehouseBusyError: one has.
    """
    with closed_to_clients(database):
        remove_logs(logs_beside(database))


def remove(database: Path) -> None:
    """Delete a database with its logs. The database goes first: without its log it might seem to be whole.

    It does not come back after a cut of power, beside what took its place in raw since.
    """
    logs = logs_beside(database)
    if database.exists():
        database.unlink()
        sync(database.parent)
    remove_logs(logs)


def attach(connection: duckdb.DuckDBPyConnection, database: Path, name: str) -> None:
    """Attach a finished database to read it.

    Raises:
        LogBesideError: whoever reads it now reads somebody else's changes, too.
        duckdb.Error: it cannot be read.
    """
    _require_no_log(database)
    connection.execute(f"attach {literal(database)} as {name} (read_only)")


def read(database: Path) -> duckdb.DuckDBPyConnection:
    """Open a finished database to read it; raises what attach() raises."""
    _require_no_log(database)
    return duckdb.connect(str(database), read_only=True)


def _require_no_log(database: Path) -> None:
    for file in logs_beside(database):
        raise LogBesideError(
            f"{file} holds changes that somebody made to {database.name} after it was finished, and every "
            "reader would see them; delete it when no program has the database open"
        )


def seal(database: Path, built_at: dt.datetime) -> None:
    """Give a finished database the time of its build: whoever writes to it changes that."""
    moment = built_at.replace(tzinfo=dt.UTC).timestamp()
    os.utime(database, (moment, moment))


def is_sealed(database: Path, built_at: dt.datetime) -> bool:
    """Whether nobody has written to a database since it was sealed."""
    changed_at = dt.datetime.fromtimestamp(database.stat().st_mtime, dt.UTC)
    return abs(changed_at - built_at.replace(tzinfo=dt.UTC)) < SEAL_STEP


def take_place(draft: Path, target: Path) -> None:
    """Let a finished database take the place of another, whose logs are gone before.

    Raises:
        WarehouseBusyError: a client has the other open for writing; its log would come beside the new one.
    """
    with closed_to_clients(target):
        remove_logs(logs_beside(target))
        move_for_good(draft, target)


@contextmanager
def closed_to_clients(
    database: Path, *, readers_too: bool = False, patience: float | None = None
) -> Iterator[None]:
    """Keep clients from opening a database for writing, and for reading if asked, after those who have it.

    Nobody may have it open in this process: of locks of this kind a process has only one.

    Raises:
        WarehouseBusyError: a client has it open, and still had after some seconds.
    """
    if not database.exists():
        yield
        return
    with database.open("r+b" if readers_too else "rb") as file:
        deadline = time.monotonic() + (PATIENCE if patience is None else patience)
        while not _locked(file.fileno(), fcntl.LOCK_EX if readers_too else fcntl.LOCK_SH):
            if time.monotonic() >= deadline:
                who = _who_has(database, for_writing=not readers_too)
                raise WarehouseBusyError(f"{who} has {database} open; run again when it has closed it")
            time.sleep(0.5)
        yield


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.lockf(descriptor, kind | fcntl.LOCK_NB)  # the kind of lock DuckDB takes
    except BlockingIOError:
        return False
    return True


def _who_has(database: Path, *, for_writing: bool) -> str:
    """The program that has a database open, or has it open for writing, as DuckDB names it."""
    try:
        duckdb.connect(str(database), read_only=for_writing).close()
    except duckdb.Error as error:
        if holder := re.search(r"held in (.+ \(PID \d+\))", str(error)):
            return holder[1]
    return "another program"


def move_for_good(source: Path, target: Path) -> None:
    """Move what was just written to its place: a cut of power leaves it there whole, or not at all.

    What it holds reaches the disk before its new name does. Raises what move() raises.
    """
    sync_whole(source)
    move(source, target)
    sync(target.parent)


def move(source: Path, target: Path) -> None:
    """Rename a file or a folder to its place.

    Raises:
        HinderedError: its place is on another disk, where nothing can be moved to at once.
        OSError: it cannot be renamed.
    """
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        raise HinderedError(
            f"{source} cannot be moved to {target}: they lie on different disks; let all of the warehouse "
            "directory lie on one, for instance by setting WAREHOUSE_DIR to the other"
        ) from error


def sync_whole(path: Path) -> None:
    """Wait until a file, or a folder with all that lies in it, has reached the disk."""
    for below in path.rglob("*"):
        sync(below)
    sync(path)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, have reached the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
