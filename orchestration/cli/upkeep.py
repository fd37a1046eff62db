"""The commands that look after a warehouse."""

import uuid
from pathlib import Path
from typing import Annotated

import duckdb
import typer

from orchestration.cli.console import WAREHOUSE, Exit, choose_directories, show_progress, stop
from orchestration.cli.nightly import hold_or_stop, run_and_end
from orchestration.pseudonyms import ErasureKeyError, load
from orchestration.settings import settings


def forget(
    user_id: uuid.UUID,
    exports_dir: Annotated[Path | None, typer.Option(help="Where the exports lie.")] = None,
    warehouse_dir: WAREHOUSE = None,
) -> None:
    """Erase a member now and for good, whether or not the platform still exports them, and publish anew."""
    choose_directories(warehouse_dir, exports_dir)
    show_progress()
    config = settings()
    hold_or_stop(config)
    from orchestration.erasure import is_known
    from orchestration.ingestion import recover
    from orchestration.raw_assets import TABLES

    with duckdb.connect() as connection:
        try:
            recover(config, TABLES)
            load(connection, config)
        except ErasureKeyError as problem:
            stop(Exit.NOT_PUBLISHED, str(problem))
        if not is_known(connection, config, TABLES["users"], str(user_id)):
            stop(Exit.USAGE, f"no users snapshot in {config.warehouse_dir} ever held {user_id}")
        (pseudonym,) = connection.execute("select pseudonym(?::uuid)", [str(user_id)]).fetchone()
    # Only the pseudonym goes into the record of the run.
    run_and_end(config, {"forget": [str(pseudonym)]})
