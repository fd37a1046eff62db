"""Finds what has arrived: the nights in the exports directory.

A part of a night is `<table>/<YYYY-MM-DD>/part-NNNN.<format>`.
"""

import datetime as dt
import errno
import hashlib
import io
import json
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.raw.contract import Table
from orchestration.settings import Settings

FORMATS = ("csv", "csv.gz", "jsonl", "jsonl.gz", "parquet")
MANIFEST_NAME = "_manifest.json"
LAST_NIGHT_NAME = "_last_night"
MAX_MANIFEST_BYTES = 10_000_000
FIRST_NIGHT = dt.date(2000, 1, 1)  # a folder of an earlier date is a mistake
MAX_NAME = 255
MAX_ROWS = 1 << 63


@dataclass(frozen=True)
class Night:
    """What the exports directory holds for one table and night.

    If there is no part, `parts` holds the other sign of a delivery: the manifest, or the folder itself.
    `problem` says why the night must be refused, as far as that shows without opening a part.
    """

    table: str
    date: dt.date
    folder: Path
    parts: tuple[Path, ...]
    manifest: dict[str, dict[str, Any]] | None
    problem: str | None


def delivered_nights(exports_dir: Path, tables: dict[str, Table]) -> list[Night]:
    """Every delivered night of a contracted table, oldest first.

    Tables outside the contract, folders that are no date since 2000, and names that are not data are passed
    over.
    """
    nights = []
    for name in tables:
        for folder in _entries(exports_dir / name):
            date = _date(folder.name)
            night = date and _night(name, date, folder)
            nights += [night] if night else []
    return sorted(nights, key=lambda night: (night.date, night.table))


def first_night(config: Settings) -> dt.date:
    """The earliest night in the exports or in raw; yesterday if there is none."""
    tops = (config.exports_dir, config.raw_dir)
    names = (folder.name for top in tops for folder in top.glob("*/????-??-??"))
    return min(
        (date for name in names if (date := _date(name))),
        default=dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1),
    )


def last_night(exports_dir: Path) -> dt.date | None:
    """The night with which the exports end, if their file `_last_night` says so (the sample has one)."""
    try:
        return _date((exports_dir / LAST_NIGHT_NAME).read_text().strip())
    except (OSError, ValueError):
        return None


def nights_behind(as_of_date: dt.date, exports_dir: Path, now: dt.datetime) -> int:
    """How many nights the numbers are late.

    Today (UTC) the night of yesterday is expected. If the exports have ended, their last night is.
    """
    expected = now.astimezone(dt.UTC).date() - dt.timedelta(days=1)
    ended = last_night(exports_dir)
    if ended and as_of_date <= ended:
        expected = min(expected, ended)
    return max((expected - as_of_date).days, 0)


def delivered_state(nights: Iterable[Night]) -> str:
    """A hash that changes whenever a part is delivered, deleted or rewritten. It opens no part."""
    digest = hashlib.sha256()
    for night in nights:
        for path in (*night.parts, night.folder / MANIFEST_NAME):
            digest.update(f"{path} {_written(path)}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]


def _written(path: Path) -> tuple[int, int] | None:
    """The size of a file and the time it was last written; None if it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def is_delivered(exports_dir: Path, table: str, date: dt.date) -> bool:
    """Whether the exports hold a night of a table."""
    folder = exports_dir / table / date.isoformat()
    return folder.exists() and _night(table, date, folder) is not None


def part_format(path: Path) -> str | None:
    """The export format a file name ends in, or None."""
    return next((fmt for fmt in FORMATS if path.name.endswith(f".{fmt}")), None)


def open_within_exports(path: Path) -> io.BufferedReader:
    """Open a file in a night's folder, but no link that leads out of the exports directory.

    Raises:
        OSError: it cannot be opened, or must not be; `strerror` says why.
    """
    exports_dir = path.parents[2]
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(exports_dir)):
        raise PermissionError(errno.EACCES, "it is a link out of the exports directory")
    # Do not wait: opening a pipe would wait until somebody writes to it.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a file")
    return os.fdopen(descriptor, "rb")


def shown_name(name: str) -> str:
    """A file name as records and messages show it: on one line, with unprintable characters escaped.

    An @ is escaped as well: a name may hold somebody's address.
    """
    shown = "".join(c if c.isprintable() and c != "\\" else c.encode("unicode_escape").decode() for c in name)
    return shown.replace("@", "\\x40")


def latest_complete_night(arrived: set[tuple[str, dt.date]], tables: dict[str, Table]) -> dt.date | None:
    """The last night for which every required table has arrived."""
    required = {name for name, table in tables.items() if table.required}
    dates = {date for _, date in arrived}
    return max((date for date in dates if not missing_tables(arrived, required, date)), default=None)


def missing_tables(arrived: set[tuple[str, dt.date]], required: set[str], date: dt.date) -> list[str]:
    """The required tables that have not arrived for a night, by name."""
    return sorted(name for name in required if (name, date) not in arrived)


def _entries(parent: Path) -> list[Path]:
    return sorted(parent.iterdir()) if parent.is_dir() else []


def _night(table: str, date: dt.date, folder: Path) -> Night | None:
    """The delivery in a night's folder; None if there is none."""
    try:
        parts = tuple(path for path in sorted(folder.iterdir()) if _is_part(path))
    except OSError as error:
        return Night(table, date, folder, (folder,), None, f"{folder.name} cannot be read: {error.strerror}")
    manifest, problem = _read_manifest(folder / MANIFEST_NAME)
    if parts:
        return Night(table, date, folder, parts, manifest, problem)
    if manifest:
        problem = f"{min(manifest)} is listed in {MANIFEST_NAME} but not there"
    return Night(table, date, folder, (folder / MANIFEST_NAME,), manifest, problem) if problem else None


def _is_part(path: Path) -> bool:
    is_data = not path.name.startswith((".", "_")) and not path.name.endswith(".tmp")
    # Something with a part's name that is no file must not go unnoticed: reading it gives the error.
    return is_data and (part_format(path) is not None or not path.is_dir())


def _date(name: str) -> dt.date | None:
    try:
        date = dt.date.fromisoformat(name)
    except ValueError:
        return None
    return date if date.isoformat() == name and date >= FIRST_NIGHT else None


def _read_manifest(path: Path) -> tuple[dict[str, dict[str, Any]] | None, str | None]:
    if not os.path.lexists(path):
        return None, None
    try:
        with open_within_exports(path) as file:
            content = file.read(MAX_MANIFEST_BYTES + 1)
        if len(content) > MAX_MANIFEST_BYTES:
            return None, f"{MANIFEST_NAME} is larger than {MAX_MANIFEST_BYTES:,} bytes"
        parts = json.loads(content, object_pairs_hook=_unique, parse_constant=_no_json)["parts"]
        manifest = {shown_name(name): _expected(name, expected) for name, expected in parts.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None, f"{MANIFEST_NAME} cannot be read as a manifest"
    return manifest, None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def _no_json(constant: str) -> None:
    """Refuse NaN and infinities, which Python reads although JSON does not have them."""
    raise ValueError(constant)


def _expected(name: str, expected: dict[str, Any]) -> dict[str, Any]:
    """What a manifest expects of a part.

    Raises:
        ValueError: no part could be like this.
    """
    rows, sha256 = expected.get("rows", 0), expected.get("sha256", "0" * 64)
    if len(name) > MAX_NAME or type(rows) is not int or not 0 <= rows < MAX_ROWS:
        raise ValueError(name)
    if not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise ValueError(sha256)
    return {key: sha256.lower() if key == "sha256" else value for key, value in expected.items()}
