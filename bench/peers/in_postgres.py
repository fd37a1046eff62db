"""The numbers in PostgreSQL: a server of its own on loopback, loaded by COPY.

Needs Debian's package postgresql.
"""

import csv
import datetime as dt
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from orchestration.database import quoted

PROGRAMS = Path("/usr/lib/postgresql")
PORT = "54321"
USER = "postgres"  # who the server runs as if root starts it; it refuses to run as root
MADE = ("ledger", "score", "metrics")
# A server for one who waits, on a machine of two cores; what is lost when it falls can be loaded again.
SETTINGS = {
    "port": PORT, "listen_addresses": "127.0.0.1", "unix_socket_directories": "''",
    "shared_buffers": "4GB", "work_mem": "256MB",
    "maintenance_work_mem": "1GB", "max_parallel_workers_per_gather": "2", "wal_level": "minimal",
    "max_wal_senders": "0", "max_wal_size": "8GB", "synchronous_commit": "off", "timezone": "UTC",
}  # fmt: skip


def programs() -> Path:
    """Where the programs of the server lie.

    Raises:
        SystemExit: it is not installed.
    """
    found = max(PROGRAMS.glob("*/bin"), default=None)
    if found is None:
        raise SystemExit("PostgreSQL's server is not installed. On Debian: apt-get install postgresql")
    return found


@contextmanager
def serving(folder: Path) -> Iterator[None]:
    """A server with its data below a folder, ended with the block.

    Raises:
        SystemExit: the server is not installed.
    """
    server = programs()
    folder.mkdir(parents=True)
    if os.geteuid() == 0:
        shutil.chown(folder, USER)
    data = folder / "data"
    try:
        _run(server / "initdb", "--pgdata", data, "--auth", "trust", "--encoding", "UTF8", "--locale", "C")
        options = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
        start = ("--log", folder / "log", "--wait", "--options", options, "start")
        _run(server / "pg_ctl", "--pgdata", data, *start)
        try:
            yield
        finally:
            _run(server / "pg_ctl", "--pgdata", data, "--mode", "fast", "stop")
    finally:
        shutil.rmtree(folder)


def numbers(exports: Path, night: dt.date, rules: Path, folder: Path) -> dict[str, pd.DataFrame]:
    """The ledger, the scores and the metrics of exports that hold one night, as CSV.

    Args:
        exports: where the folders of the tables lie.
        night: the night.
        rules: the point rules, as CSV.
        folder: where the numbers are written before they are read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    nights = sorted(exports.glob(f"*/{night.isoformat()}"))
    parts = {night.parent.name: sorted(night.glob("part-*.csv")) for night in nights}
    statements = ["begin;"]
    for table, files in {**parts, "point_rule": [rules]}.items():
        statements.append(_create(table, files[0]))
        statements += [f"\\copy {table} from '{file}' (format csv, header)" for file in files]
    statements += ["commit;", "analyze;", f"\\set night {night.isoformat()}"]
    statements.append(Path(__file__).with_name("numbers.sql").read_text())
    written = {name: folder / f"{name}.csv" for name in MADE}
    statements += [f"\\copy {name} to '{file}' (format csv, header)" for name, file in written.items()]
    script = folder / "numbers.sql"
    script.write_text("\n".join(statements))
    connection = f"host=127.0.0.1 port={PORT} user=postgres dbname=postgres"
    command = ["psql", connection, "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--file", script]
    subprocess.run(command, check=True)  # noqa: S603
    return {name: pd.read_csv(file, dtype="str", keep_default_na=False) for name, file in written.items()}


def _create(table: str, file: Path) -> str:
    with file.open(newline="", encoding="utf-8") as rows:
        names = next(csv.reader(rows))
    columns = ", ".join(f"{quoted(name)} {_kind(name)}" for name in names)
    return f"create table {table} ({columns});"


def _kind(name: str) -> str:
    """By its name: times, ids and numbers are such; everything else is text."""
    if name.endswith("At"):
        return "timestamp"
    if name == "id" or name.endswith("Id"):
        return "uuid"
    is_number = name in ("points", "score") or name.endswith("_points") or name.startswith(("max_", "cap_"))
    return "integer" if is_number else "text"


def _run(*command: str | Path) -> None:
    """A program of the server."""
    as_user = ["runuser", "--user", USER, "--"] if os.geteuid() == 0 else []
    subprocess.run([*as_user, *command], check=True, stdout=subprocess.DEVNULL, cwd="/")  # noqa: S603
