"""`warehouse dev`: the Dagster UI and its daemon."""

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.console import WAREHOUSE, choose_directories, make_directories
from orchestration.settings import PROJECT_DIR


def dev(
    warehouse_dir: WAREHOUSE = None,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3000,
) -> None:
    """Serve the Dagster UI and run its schedule and sensor, on this machine only."""
    config = choose_directories(warehouse_dir)
    make_directories(config)
    os.environ["EXPORTS_DIR"] = str(config.exports_dir)  # a default may depend on the directory left here
    dagster = Path(sys.executable).with_name("dagster")
    where = ["--module-name", "orchestration.definitions", "--host", "127.0.0.1", "--port", str(port)]
    os.chdir(PROJECT_DIR)
    # A script starts its background programs with INT ignored. Dagster would inherit that, for TERM as well.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execv(dagster, [str(dagster), "dev", *where])  # noqa: S606  (our own program, no shell)
