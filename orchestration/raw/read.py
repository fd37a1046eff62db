"""Reads one delivered part in any format, and checks every value against the contract.

DuckDB reads and checks; rows never pass through Python. Messages name the file, the line and the column. They
never quote a row, because it may hold personal data, which must not leave ingestion.
"""

import ast
import datetime as dt
import gzip
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path

import duckdb

from orchestration.raw.check import PERSONAL_TEXT
from orchestration.raw.contract import Table
from orchestration.raw.csv_source import csv_source
from orchestration.raw.discover import FORMATS, open_within_exports, part_format, shown_name
from orchestration.raw.jsonl_source import jsonl_source
from orchestration.raw.judge import judge_rows
from orchestration.raw.kept import INSTRUMENTS
from orchestration.raw.parquet_source import parquet_source
from orchestration.raw.refuse import CHUNK, RefusedError, refusing, too_large, where


def checksum(path: Path) -> str:
    """The sha256 of a file; empty if the file cannot be read. Reading it later explains why."""
    try:
        with open_within_exports(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def read_part(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    night: dt.date,
    path: Path,
    sha256: str,
    work: Path,
    max_unpacked_bytes: int,
) -> tuple[int, int]:
    """Read a part and check every row against the contract.

    Leaves the temporary view `checked`: one row per record with the typed columns, row_number, row_hash, and
    the first problem: its number, column and reason, and the value if it is plain and not personal. Without a
    problem these are null.

    Returns:
        How many rows it has, and how many of them have a problem.

    Raises:
        RefusedError: the part as a whole cannot be read or lacks a required column.
        OSError, duckdb.Error: the fault is not in the part: the machine lacks disk or memory.
    """
    name = shown_name(path.name)
    copy = _take(path, name, sha256, work, max_unpacked_bytes)
    with refusing(copy, lambda error: f"{name} cannot be read{where(error, copy)}"):
        kind, *_ = (part_format(path) or "").split(".")
        source = SOURCES[kind](connection, table, copy, name, max_unpacked_bytes)
        missing = [c.delivered for c in table.columns if not c.nullable and c.delivered not in source.columns]
        if missing and source.columns:
            raise RefusedError(f"{name} lacks the required column {', '.join(missing)}")
        return judge_rows(connection, table, night, source)


def _take(path: Path, name: str, sha256: str, work: Path, max_unpacked_bytes: int) -> Path:
    """Copy and unpack a part, so that nothing can change it while it is read.

    Raises:
        RefusedError: the part has no known format, is not readable, changed during the copy, or is a damaged
            archive.
    """
    if part_format(path) is None:
        raise RefusedError(f"{name} is in none of the formats {', '.join(FORMATS)}")
    copy, unpacked = work / "part", work / "part.unpacked"
    digest = hashlib.sha256()
    with copy.open("wb") as taken:
        for chunk in _delivered(path, name):
            digest.update(chunk)
            taken.write(chunk)
    if digest.hexdigest() != sha256:
        raise RefusedError(f"{name} changed while it was read; it is read again at the next run")
    if not path.name.endswith(".gz"):
        return copy
    try:
        if copy.stat().st_size == 0:
            raise EOFError("not even the head of a gzip file")
        with gzip.open(copy) as packed, unpacked.open("wb") as plain:
            while chunk := packed.read(CHUNK):
                plain.write(chunk)
                if plain.tell() > max_unpacked_bytes:
                    raise RefusedError(too_large(name, max_unpacked_bytes))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise RefusedError(f"{name} is truncated or damaged: it cannot be unpacked") from error
    return unpacked


def _delivered(path: Path, name: str) -> Iterator[bytes]:
    """The bytes of a delivered file.

    Raises:
        RefusedError: it cannot be read.
    """
    try:
        with open_within_exports(path) as file:
            while chunk := file.read(CHUNK):
                yield chunk
    except OSError as error:
        raise RefusedError(f"{name} cannot be read: {error.strerror}") from error


SOURCES = {"csv": csv_source, "jsonl": jsonl_source, "parquet": parquet_source}


# The files of this room that decide how a part is read.
READING = (
    "check", "csv_source", "json_text", "jsonl_source", "judge", "kept", "parquet_source", "read", "refuse",
    "source",
)  # fmt: skip


def version(*sources: bytes) -> str:
    """The version of how parts are read. It changes with these files, not with their comments or layout.

    The list of what is personal, that of instruments and the version of DuckDB are part of it.
    """
    files = [ast.parse(source) for source in sources]
    for node in (node for file in files for node in ast.walk(file)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = "a docstring"
    code = [ast.dump(file) for file in files]
    reads = (code, PERSONAL_TEXT, sorted(INSTRUMENTS.items()), duckdb.__version__)
    return hashlib.sha256(repr(reads).encode()).hexdigest()[:16]


READER = version(*(Path(__file__).with_name(f"{name}.py").read_bytes() for name in READING))
