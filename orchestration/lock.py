"""One run at a time: the lock on a warehouse directory."""

import fcntl
import os
from typing import IO

from orchestration.settings import Settings

_held: dict[str, IO[str]] = {}


class WarehouseBusyError(Exception):
    """Another run holds the warehouse."""


def hold(settings: Settings) -> None:
    """Hold the warehouse until this process ends; asking again is allowed.

    The kernel lets go of the lock however the process ends, so a crash leaves nothing stale.

    Raises:
        WarehouseBusyError: another process holds it.
    """
    name = str(settings.lock_file)
    if name in _held:
        return
    make_private(settings)
    file = settings.lock_file.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise WarehouseBusyError(
            f"another run (process {holder}) holds {settings.warehouse_dir}; run again when it has ended"
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    _held[name] = file


def make_private(settings: Settings) -> None:
    """What this process writes from here on is its user's alone; the group may reach what is published."""
    os.umask(0o027)
    settings.publications_dir.mkdir(parents=True, exist_ok=True)
    os.umask(0o077)


def let_go(settings: Settings) -> None:
    """Let another process have the warehouse before this one ends."""
    file = _held.pop(str(settings.lock_file), None)
    if file:
        file.close()
