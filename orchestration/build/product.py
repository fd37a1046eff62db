"""The tables that the product shows, as Parquet with a manifest: what a web back end loads without DuckDB.

Each publication has a folder of its own, `product/<as_of>-<run>/`, which is written once and never changed.
It belongs to the archived publication of that name, and goes with it. `product/manifest.json`, a copy of the
manifest in one of these folders, says which folder holds what is published. So whoever has read it once has
all of one publication, however many others take its place meanwhile.
"""

import datetime as dt
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import duckdb

from orchestration.build.manifest import manifest
from orchestration.build.product_contract import product_nodes, version_of
from orchestration.database import literal, one_row, quoted, set_up
from orchestration.places import attach, move_for_good
from orchestration.settings import HinderedError, Settings

READ_ONLY = 0o440
OPEN_TO_THE_GROUP = 0o750


def write_folder(config: Settings, archived: Path) -> None:
    """Write the folder of an archived publication, from its file. Readers do not find it yet.

    Raises:
        duckdb.Error, OSError: it could not be written.
        HinderedError: its tables break every version of the contract.
    """
    draft = config.product_dir / ".draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    with duckdb.connect() as connection:
        set_up(connection, config.memory_limit, config.publications_dir / ".draft.spill")
        attach(connection, archived, "published")
        connection.execute("use published")
        tables = {
            name: {**_write_table(connection, name, draft), "audience": node["config"]["meta"]["audience"]}
            for name, node in sorted(product_nodes(manifest()).items())
            if _columns(connection, name)  # an earlier version may not have published it
        }
        as_of_date, run_id, built_at = one_row(
            connection, "select as_of_date, run_id, built_at from publication"
        )
    columns = {(name, c["name"], c["type"]) for name, table in tables.items() for c in table["columns"]}
    version = version_of(columns)
    if version is None:
        raise HinderedError(
            f"the tables of {archived} break every version of the contract of the product's tables; "
            "run `make contract` to begin a new version"
        )
    said = {
        "contract_version": version,
        "as_of_date": as_of_date.isoformat(),
        "run_id": run_id,
        "built_at": built_at.replace(tzinfo=dt.UTC).isoformat(),
        "folder": archived.stem,
        "tables": tables,
    }
    (draft / "manifest.json").write_text(json.dumps(said, indent=1))
    for file in draft.iterdir():
        file.chmod(READ_ONLY)
    draft.chmod(OPEN_TO_THE_GROUP)
    _put_in_place(draft, config.product_dir / archived.stem)


def _put_in_place(draft: Path, folder: Path) -> None:
    """If a run publishes once more, its folder stays as it is, because somebody may be reading it."""
    if is_whole(folder) and (folder / "manifest.json").read_bytes() == (draft / "manifest.json").read_bytes():
        shutil.rmtree(draft)
        return
    shutil.rmtree(folder, ignore_errors=True)
    move_for_good(draft, folder)


def show(config: Settings, archived: Path) -> None:
    """Make the folder of an archived publication the one that readers find, in one step."""
    beside = config.product_dir / ".manifest.json.new"
    beside.unlink(missing_ok=True)
    shutil.copyfile(config.product_dir / archived.stem / "manifest.json", beside)
    beside.chmod(READ_ONLY)
    move_for_good(beside, config.product_manifest)


def shows(config: Settings, as_of_date: dt.date, run_id: str) -> bool:
    """Whether readers of the folders find this publication, and each file as it was written."""
    folder = config.product_dir / f"{as_of_date}-{run_id}"
    return (
        is_whole(folder)
        and config.product_manifest.exists()
        and config.product_manifest.read_bytes() == (folder / "manifest.json").read_bytes()
    )


def is_whole(folder: Path) -> bool:
    """Whether a folder has every file that its manifest names, as it was written."""
    try:
        tables = json.loads((folder / "manifest.json").read_bytes())["tables"].values()
        return all(_sha256(folder / table["file"]) == table["sha256"] for table in tables)
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> list[tuple[str, str]]:
    return connection.execute(
        """
        select column_name, lower(data_type) from duckdb_columns()
        where database_name = 'published' and schema_name = 'main' and table_name = $1
        order by column_index
        """,
        [table],
    ).fetchall()


def _write_table(connection: duckdb.DuckDBPyConnection, table: str, folder: Path) -> dict[str, Any]:
    """Write a table, its rows in the order of the published file, and say what was written."""
    columns = _columns(connection, table)
    # pandas reads a UUID as an object and polars as 16 bytes. A text means the same to everybody.
    selected = ", ".join(
        f"{quoted(name)}::varchar as {quoted(name)}" if kind == "uuid" else quoted(name)
        for name, kind in columns
    )
    file = folder / f"{table}.parquet"
    written = f"(select {selected} from {quoted(table)})"
    (rows,) = one_row(connection, f"copy {written} to {literal(file)} (format parquet, compression zstd)")
    return {
        "file": file.name,
        "rows": rows,
        "columns": [{"name": name, "type": kind} for name, kind in columns],
        "sha256": _sha256(file),
    }


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
