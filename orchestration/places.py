"""Puts a database or a night in its place: written to the disk, by one rename, with no DuckDB log beside it.

A client that has a database open for writing keeps a log beside it, `<file>.wal`. If the client is killed,
the log stays, and DuckDB replays it onto whatever file has that name later. A finished database of ours never
has a log, so a log beside it holds changes of somebody else. The time of a finished file is the time of its
build, so any other time shows that somebody changed the file itself.
"""

import datetime as dt
import errno
import fcntl
import glob
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from orchestration.database import literal
from orchestration.lock import WarehouseBusyError
from orchestration.settings import HinderedError, Settings

log = logging.getLogger("warehouse")

# How many seconds a run waits for a client that has a database open.
PATIENCE = 10
# Some file systems store the time of a file in steps of two seconds.
SEAL_STEP = dt.timedelta(seconds=2)


class LogBesideError(HinderedError):
    """A log of somebody else lies beside a finished database."""


def logs_beside(database: Path) -> list[Path]:
    """The logs that DuckDB would replay onto a database, or onto the next file of its name."""
    file = Path(os.path.realpath(database))
    return sorted(file.parent.glob(f"{glob.escape(file.name)}.wal*"))


def logs_in(folder: Path) -> list[Path]:
    """The logs of all databases in a folder, also of deleted ones."""
    return sorted(folder.glob("*.duckdb.wal*"))


def remove_logs(logs: list[Path]) -> None:
    """Delete logs and say so. After that, each database is again exactly what its file holds."""
    for file in logs:
        file.unlink(missing_ok=True)
        log.warning("deleted %s, left by a client that did not end well; its changes are lost", file)
    for folder in {file.parent for file in logs}:
        sync(folder)


def clear(database: Path) -> None:
    """Delete the logs beside a database that no client has open for writing.

    Raises:
        WarehouseBusyError: a client has it open.
    """
    with closed_to_clients(database):
        remove_logs(logs_beside(database))


def remove(database: Path) -> None:
    """Delete a database with its logs. The database goes first, because without its log it might look whole.

    After a power cut it does not come back beside newer files in raw.
    """
    logs = logs_beside(database)
    if database.exists():
        database.unlink()
        sync(database.parent)
    remove_logs(logs)


def remove_stray_folders(settings: Settings) -> None:
    """Delete the folders of publications that are no longer kept, and what a run that broke off left.

    The folder that readers find stays, as the published file does, until another has taken its place.
    """
    kept = {file.stem for file in settings.publications_dir.glob("[!.]*.duckdb")}
    # No manifest, or none that can be read, leads nobody anywhere.
    with suppress(FileNotFoundError, ValueError, LookupError, TypeError):
        kept.add(json.loads(settings.product_manifest.read_bytes())["folder"])
    for folder in settings.product_dir.glob("*/"):
        if folder.name not in kept:
            shutil.rmtree(folder)


def attach(connection: duckdb.DuckDBPyConnection, database: Path, name: str) -> None:
    """Attach a finished database to read it.

    Raises:
        LogBesideError: a reader would also read somebody else's changes.
        duckdb.Error: it cannot be read.
    """
    _require_no_log(database)
    connection.execute(f"attach {literal(database)} as {name} (read_only)")


def read(database: Path) -> duckdb.DuckDBPyConnection:
    """Open a finished database to read it. Raises the same as attach()."""
    _require_no_log(database)
    return duckdb.connect(str(database), read_only=True)


def _require_no_log(database: Path) -> None:
    for file in logs_beside(database):
        raise LogBesideError(
            f"{file} holds changes that somebody made to {database.name} after it was finished, and every "
            "reader would see them; delete it when no program has the database open"
        )


def seal(database: Path, built_at: dt.datetime) -> None:
    """Give a finished file the time of its build. Anybody who writes to it changes that time."""
    moment = built_at.replace(tzinfo=dt.UTC).timestamp()
    os.utime(database, (moment, moment))


def is_sealed(database: Path, built_at: dt.datetime) -> bool:
    """Whether nobody has written to a database since it was sealed."""
    changed_at = dt.datetime.fromtimestamp(database.stat().st_mtime, dt.UTC)
    return abs(changed_at - built_at.replace(tzinfo=dt.UTC)) < SEAL_STEP


def take_place(draft: Path, target: Path) -> None:
    """Put a finished database in the place of another one. The logs of the other are deleted first.

    Raises:
        WarehouseBusyError: a client has the other open for writing, and its log would land beside the new
            one.
    """
    with closed_to_clients(target):
        remove_logs(logs_beside(target))
        move_for_good(draft, target)


@contextmanager
def closed_to_clients(
    database: Path, *, readers_too: bool = False, patience: float | None = None
) -> Iterator[None]:
    """Wait until clients close a database, then keep others from opening it for writing, or at all if asked.

    Nothing in this process may have it open, because a process has only one lock of this kind per file.

    Raises:
        WarehouseBusyError: a client still has it open after some seconds.
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
        fcntl.lockf(descriptor, kind | fcntl.LOCK_NB)  # the kind of lock that DuckDB takes
    except BlockingIOError:
        return False
    return True


def _who_has(database: Path, *, for_writing: bool) -> str:
    """The program that has a database open (or open for writing), as DuckDB names it."""
    try:
        duckdb.connect(str(database), read_only=for_writing).close()
    except duckdb.Error as error:
        if holder := re.search(r"held in (.+ \(PID \d+\))", str(error)):
            return holder[1]
    return "another program"


def move_for_good(source: Path, target: Path) -> None:
    """Move a new file or folder to its place, so that after a power cut it is there whole or not at all.

    Its contents reach the disk before its new name does. Raises the same as move().
    """
    sync_whole(source)
    move(source, target)
    sync(target.parent)


def write_for_good(text: str, target: Path) -> None:
    """Replace a small file of text in one step, or leave the last one and nothing else.

    Raises the same as move().
    """
    draft = target.with_name(f".{target.name}.new")
    try:
        draft.write_text(text)
        move_for_good(draft, target)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise


def move(source: Path, target: Path) -> None:
    """Rename a file or a folder to its place.

    Raises:
        HinderedError: its place is on another disk, and nothing moves there in one step.
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
    """Wait until a file, or a folder with everything in it, has reached the disk."""
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
