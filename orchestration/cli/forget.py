"""`warehouse forget`: erase a member."""

import uuid
from pathlib import Path
from typing import Annotated

import duckdb
import typer

from orchestration.cli.console import (
    WAREHOUSE,
    choose_directories,
    make_directories,
    require_warehouse,
    show_progress,
)
from orchestration.cli.run import run_and_end
from orchestration.lock import hold
from orchestration.settings import UsageError


def forget(
    user_id: uuid.UUID,
    exports_dir: Annotated[Path | None, typer.Option(help="The exports; else EXPORTS_DIR.")] = None,
    warehouse_dir: WAREHOUSE = None,
) -> None:
    """Erase a member now and for good, whether or not the platform still exports them, and publish anew."""
    config = choose_directories(warehouse_dir, exports_dir)
    require_warehouse(config)
    make_directories(config)
    from orchestration.build.manifest import export_tables
    from orchestration.raw.erasure_plan import is_known
    from orchestration.raw.pseudonyms import load
    from orchestration.raw.store import recover

    show_progress()
    hold(config)
    recover(config, export_tables())
    with duckdb.connect() as connection:
        load(connection, config)
        if not is_known(connection, config, export_tables()["users"], str(user_id)):
            raise UsageError(f"no users snapshot in {config.warehouse_dir} ever held {user_id}")
        (pseudonym,) = connection.execute("select pseudonym(?::uuid)", [str(user_id)]).fetchone()
    # Only the pseudonym goes into the record of the run.
    run_and_end(config, {"forget": [str(pseudonym)]})
