"""Turns errors of DuckDB into the reason for a refusal, which names the place and quotes no row."""

import csv
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

CHUNK = 1 << 20
CSV_PROBLEMS = (
    r"Expected Number of Columns: \d+ Found: \d+|unterminated quote|Maximum line size of \d+ bytes exceeded"
)


class RefusedError(Exception):
    """A night that must not be loaded; the message says why and names the file."""


@contextmanager
def refusing(copy: Path, say: Callable[[Exception], str], *, writes: bool = True) -> Iterator[None]:
    """Refuse a part if DuckDB finds a fault in it, but not if memory, or disk for other files, runs out.

    When memory runs out, the part or the machine may be at fault, so the part is not refused.
    If nothing is written (`writes`), no other file than the part can be at fault.
    """
    try:
        yield
    except duckdb.OutOfMemoryException:
        raise
    except (duckdb.Error, UnicodeDecodeError) as error:
        # DuckDB's message may quote bytes that are no text. Python then raises UnicodeDecodeError.
        if writes and isinstance(error, duckdb.IOException) and str(copy) not in str(error):
            raise
        raise RefusedError(say(error)) from error


def too_large(name: str, max_unpacked_bytes: int) -> str:
    """The message about a part that is too large when unpacked."""
    return f"{name} unpacks to more than {max_unpacked_bytes:,} bytes, the limit that MAX_UNPACKED_BYTES sets"


def where(error: Exception, copy: Path) -> str:
    """The place that DuckDB names. The rest of its message is left out, because it may quote the row."""
    record = re.search(r"CSV Error on Line: (\d+)", str(error))
    problem = re.search(CSV_PROBLEMS, str(error))
    at = f" at line {_line_of(copy, int(record.group(1)))}" if record else ""
    return f"{at}: {problem.group(0)}" if problem else at or ": it is damaged"


def _line_of(copy: Path, record: int) -> int:
    """The line where a CSV record begins. DuckDB counts records, and a record may have many lines."""
    with copy.open(encoding="utf-8-sig", newline="\n") as file:
        reader = csv.reader(file)
        try:
            for _ in range(record - 1):
                next(reader)
        except (csv.Error, StopIteration):
            return record
        return reader.line_num + 1
