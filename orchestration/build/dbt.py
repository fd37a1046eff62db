"""dbt as a program of its own, which sees no setting that the shell holds for other projects."""

import os
import subprocess
import sys
from pathlib import Path

from orchestration.settings import PROJECT_DIR, HinderedError

EXECUTABLE = Path(sys.executable).with_name("dbt")  # beside the interpreter, activated or not


def environment(target: Path) -> dict[str, str]:
    """What dbt needs to find in its environment; its artefacts lie in `target` then.

    dbt is started in the warehouse's directory. If it were told a path instead, it would parse the project
    anew for every warehouse. Under a locale that is not UTF-8 it ends with a traceback.
    """
    return {
        "WAREHOUSE_DIR": ".",
        "LC_ALL": "C.UTF-8",
        "DBT_PROJECT_DIR": str(PROJECT_DIR),
        "DBT_PROFILES_DIR": str(PROJECT_DIR),
        "DBT_TARGET_PATH": str(target),
        "DBT_LOG_PATH": str(target),
        # Its log for debugging, eight megabytes a night, takes a seventh of its time.
        "DBT_LOG_LEVEL_FILE": "none",
    }


def run(verb: str, *arguments: str, warehouse_dir: Path, target: Path) -> None:
    """Let dbt parse or compile the project.

    Raises:
        HinderedError: it cannot; the message has what dbt said.
    """
    outcome = subprocess.run(  # noqa: S603  (our own program, no shell)
        [EXECUTABLE, "--quiet", "--no-use-colors", verb, *arguments],
        capture_output=True, text=True, check=False, cwd=warehouse_dir, env=os.environ | environment(target),
    )  # fmt: skip
    if outcome.returncode:
        raise HinderedError(" ".join(outcome.stdout.split()))
