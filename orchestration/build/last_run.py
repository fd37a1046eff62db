"""The record of the last nightly run.

`warehouse status` reads it, because Dagster's own records take more than a second to load.
"""

import datetime as dt
import json
from contextlib import suppress
from typing import Any

from orchestration.lock import make_private
from orchestration.places import write_for_good
from orchestration.settings import Settings

UNDER_WAY = "STARTED"


def begin(config: Settings, run_id: str) -> None:
    """Write down that a run has begun."""
    started = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
    _write(config, {"run": run_id, "status": UNDER_WAY, "started": started, "seconds": None})


def end(config: Settings, run_id: str, status: str) -> None:
    """Write down how a run has ended, unless another one has begun since."""
    record = _read(config)
    if record and record["run"] == run_id:
        _write(config, {**record, "status": status, "seconds": _seconds_since(record["started"])})


def found_nothing_new(config: Settings, started: dt.datetime) -> None:
    """Write down a run that found nothing new without Dagster, which knows nothing of it."""
    began = started.isoformat(timespec="milliseconds")
    _write(config, {"run": None, "status": "SUCCESS", "started": began, "seconds": _seconds_since(began)})


def how_it_went(config: Settings, *, running: bool) -> dict[str, Any] | None:
    """How the last nightly run went, as values that JSON can hold; None if there was none.

    Args:
        config: the warehouse.
        running: whether some process holds the warehouse.
    """
    record = _read(config)
    if not record:
        return None
    if record["status"] == UNDER_WAY and not running:
        record["status"] = "BROKEN OFF"  # nobody holds the warehouse, so its process is gone
    started = dt.datetime.fromisoformat(record["started"])
    return {**record, "started": started.isoformat(timespec="seconds")}


def _seconds_since(started: str) -> float:
    return round((dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(started)).total_seconds(), 1)


def _write(config: Settings, record: dict[str, Any]) -> None:
    """Replace the record in one step.

    If it cannot be written, the run goes on, and no earlier record says something that is over.
    """
    try:
        make_private(config)
        write_for_good(json.dumps(record), config.last_run_file)
    except OSError:
        with suppress(OSError):
            config.last_run_file.unlink()


def _read(config: Settings) -> dict[str, Any] | None:
    """The record; None if there is none, or none that can be read."""
    try:
        record = json.loads(config.last_run_file.read_bytes())
        _seconds_since(record["started"])  # which is a moment
        return {name: record[name] for name in ("run", "status", "started", "seconds")}
    except (OSError, ValueError, LookupError, TypeError):
        return None
