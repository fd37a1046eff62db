"""One run at a time: the lock on a warehouse directory."""

import fcntl
import os
import time
from typing import IO

from orchestration.settings import HinderedError, Settings

_held: dict[str, IO[str]] = {}


class WarehouseBusyError(HinderedError):
    """Another run holds the warehouse, or another program one of its databases."""


def hold(settings: Settings, wait_seconds: int = 0) -> None:
    """Hold the warehouse until this process ends. A second call in this process is allowed.

    The kernel releases the lock however the process ends, so a crash leaves no stale lock.

    Args:
        settings: which warehouse.
        wait_seconds: how long to wait for another process to release it.

    Raises:
        WarehouseBusyError: another process still holds it after the wait.
    """
    name = str(settings.lock_file)
    if name in _held:
        return
    make_private(settings)
    file = settings.lock_file.open("a+")
    # Try at least twice: is_held() in another process may hold the lock for a moment.
    deadline = time.monotonic() + max(wait_seconds, 0.1)
    while not _locked(file):
        if time.monotonic() >= deadline:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise WarehouseBusyError(
                f"another run (process {holder}) holds {settings.warehouse_dir}; run again when it has ended"
            )
        time.sleep(0.5)
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    _held[name] = file


def make_private(settings: Settings) -> None:
    """From here on, only its user may read what this process writes. The group may read what is published."""
    os.umask(0o027)
    for folder in (settings.publications_dir, settings.product_dir):
        folder.mkdir(parents=True, exist_ok=True)
    os.umask(0o077)


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_held(settings: Settings) -> bool:
    """Whether some process holds the warehouse at this moment."""
    if not settings.lock_file.exists():
        return False
    with settings.lock_file.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def let_go(settings: Settings) -> None:
    """Release the warehouse to another process before this one ends."""
    file = _held.pop(str(settings.lock_file), None)
    if file:
        file.close()
