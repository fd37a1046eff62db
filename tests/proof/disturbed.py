"""`warehouse`, struck at one step or changed: `python disturbed.py EVENT ENDING WHAT CHANGED run …`.

At the first of Python's audit events EVENT (https://docs.python.org/3/library/audit_events.html) whose first
argument is a path ending in ENDING, before it takes effect, the process

- `kill`: is killed with all it started;
- `stop`: stops until it is told to continue;
- `full:BYTES`: finds the disk full: no file can grow beyond so many bytes from then on.

CHANGED is what differs in it from the start, by its name in CHANGES; `-` stands for no event, and no change.
"""

import os
import resource
import signal
import sys
from pathlib import Path

from orchestration import cli, lock
from orchestration.raw import store
from orchestration.settings import Settings


def publishes_in_two_steps() -> None:
    """On purpose wrong: the published file is removed, and only then does the new one take its place."""
    moved = Path.replace

    def in_two_steps(draft: Path, target: Path) -> None:
        if target.name == "analytics.duckdb":
            target.unlink(missing_ok=True)
        moved(draft, target)

    Path.replace = in_two_steps


def swaps_file_by_file() -> None:
    """On purpose wrong: a night comes into raw file by file."""

    def one_by_one(_settings: Settings, prepared: Path, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for file in sorted(prepared.iterdir()):  # rows.parquet is the last
            file.rename(folder / file.name)

    store.swap_folder = one_by_one


def believes_a_dead_lock() -> None:
    """On purpose wrong: whoever is named in the lock holds it, dead or alive."""
    locked = lock._locked
    lock._locked = lambda file: locked(file) and not Path(file.name).read_text()


def ignores_the_lock() -> None:
    """On purpose wrong: the lock keeps nobody out."""
    lock._locked = lambda _file: True


CHANGES = (publishes_in_two_steps, swaps_file_by_file, believes_a_dead_lock, ignores_the_lock)


def main() -> None:
    """Run the command as it was asked for, disturbed."""
    event, ending, what, changed, *sys.argv[1:] = sys.argv[1:]

    def strike(happens: str, arguments: tuple[object, ...]) -> None:
        if happens != event or not str(arguments[0]).endswith(ending):
            return
        if what == "kill":
            os.killpg(os.getpgid(0), signal.SIGKILL)
        elif what == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        else:
            _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(what.removeprefix("full:")), most))

    if changed != "-":
        {change.__name__: change for change in CHANGES}[changed]()
    if event != "-":
        sys.addaudithook(strike)
    cli.main()


if __name__ == "__main__":
    main()
