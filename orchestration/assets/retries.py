"""A step is tried again if another program holds the warehouse: that passes by itself. Nothing else is."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from orchestration.lock import WarehouseBusyError

TRIES = 3
SECONDS_BETWEEN = 60
# Whoever runs the command is told at once instead, and can run it again.
STARTED_BY_DAGSTER = ("dagster/schedule_name", "dagster/sensor_name", "dagster/backfill")


@contextmanager
def trying_again(context: dg.AssetExecutionContext) -> Iterator[None]:
    """Let Dagster try a step of a scheduled run again when the warehouse is busy.

    Raises:
        dg.RetryRequested: it is busy, and the schedule or the sensor started the run.
        WarehouseBusyError: it is busy, and a person is waiting.
    """
    try:
        yield
    except WarehouseBusyError as busy:
        if not any(tag in context.run.tags for tag in STARTED_BY_DAGSTER):
            raise
        raise dg.RetryRequested(max_retries=TRIES, seconds_to_wait=SECONDS_BETWEEN) from busy
