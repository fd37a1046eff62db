"""The sha256 of every delivered part, kept as git does: a part that has not changed is not read again.

A part has not changed if its size, its inode and the two times of its last changes are the same: mtime, of
its content, and ctime, which nobody can set back. Two changes within one step of the file system's clock look
like one. So nothing is kept of a part that changed just before it was read.

Once a week, and when somebody asks for it, all is forgotten and every part is read; also if the file that
keeps it is damaged.
"""

import datetime as dt
import hashlib
import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from orchestration.places import SEAL_STEP, write_for_good
from orchestration.raw.discover import open_within_exports, shown_name
from orchestration.raw.read import checksum
from orchestration.settings import Settings

FULL_LOOK_AFTER = dt.timedelta(days=7)
# How long ago, in nanoseconds, a file must have changed, that its next change will show.
STEP = SEAL_STEP // dt.timedelta(microseconds=1) * 1000

State = list[int]


@dataclass
class Fingerprints:
    """The fingerprints of the parts, and since when they are kept."""

    since: str
    parts: dict[str, tuple[State, str]] = field(default_factory=dict)
    has_changed: bool = False

    def of(self, path: Path, *, anew: bool) -> str:
        """The sha256 of a part; empty if it cannot be read.

        Args:
            path: the part.
            anew: read it whether or not it has changed.
        """
        name = f"{path.parts[-3]}/{path.parts[-2]}/{shown_name(path.name)}"
        began = time.time_ns()
        try:
            with open_within_exports(path) as file:
                state = state_of(os.fstat(file.fileno()))
            known, sha256 = self.parts.get(name, ([], ""))
            if known == state and not anew:
                return sha256
            self.has_changed = self.parts.pop(name, None) is not None or self.has_changed
            sha256 = checksum(path)
            is_the_same = state_of(path.stat()) == state
        except OSError:
            return ""
        if sha256 and is_the_same and changed_at(state) < began - STEP:
            self.parts[name] = state, sha256
            self.has_changed = True
        return sha256


def state_of(found: os.stat_result) -> State:
    """By what a file shows that it has changed."""
    return [found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns]


def changed_at(state: State) -> int:
    """When a file last changed."""
    return state[-1]


def load(settings: Settings) -> Fingerprints:
    """What is kept; nothing, from now on, if that is a week old or cannot be trusted."""
    now = dt.datetime.now(dt.UTC)
    try:
        digest, _, kept = settings.fingerprints_file.read_text().partition("\n")
        if digest == _digest(kept):
            since, parts = json.loads(kept)
            if now - FULL_LOOK_AFTER < dt.datetime.fromisoformat(since) <= now:
                return Fingerprints(since, {name: (state, sha256) for name, (state, sha256) in parts.items()})
    except (OSError, ValueError):
        pass
    return Fingerprints(now.isoformat(), has_changed=True)


def keep(settings: Settings, fingerprints: Fingerprints) -> None:
    """Write down the fingerprints, if they have changed, in one step; else the last ones stay."""
    if not fingerprints.has_changed:
        return
    kept = json.dumps([fingerprints.since, fingerprints.parts])
    with suppress(OSError):
        write_for_good(f"{_digest(kept)}\n{kept}", settings.fingerprints_file)


def forget(settings: Settings) -> None:
    """Let the next run read every part."""
    settings.fingerprints_file.unlink(missing_ok=True)


def _digest(kept: str) -> str:
    """The hash of what is written down, by which damage shows."""
    return hashlib.sha256(kept.encode()).hexdigest()
