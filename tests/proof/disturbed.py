"""`warehouse`, struck at one step: `python disturbed.py EVENT ENDING WHAT run …`.

At the first of Python's audit events EVENT (https://docs.python.org/3/library/audit_events.html) one of whose
arguments is a path ending in ENDING, before it takes effect, the process

- `kill`: is killed with all it started;
- `stop`: stops until it is told to continue;
- `full:BYTES`: finds the disk full: no file can grow beyond so many bytes from then on.
"""

import os
import resource
import signal
import sys


def main() -> None:
    """Run the command as it was asked for, disturbed."""
    event, ending, what, *sys.argv[1:] = sys.argv[1:]
    from orchestration import cli

    def strike(happens: str, arguments: tuple[object, ...]) -> None:
        if happens != event or not any(str(argument).endswith(ending) for argument in arguments[:2]):
            return
        if what == "kill":
            os.killpg(os.getpgid(0), signal.SIGKILL)
        elif what == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        else:
            _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(what.removeprefix("full:")), most))

    sys.addaudithook(strike)
    cli.main()


if __name__ == "__main__":
    main()
