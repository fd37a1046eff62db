"""Replays a proposed policy: runs the real models over all recorded acts, in a scratch database.

The models of recognition run unchanged, as dbt compiled them for the last build. They find the candidate's
rules in place of the seeds. Everything else that they read comes from views of the warehouse.
"""

import datetime as dt
import logging
from pathlib import Path
from typing import Any

import duckdb

from orchestration.build.compiled import compiled
from orchestration.database import pattern, set_up
from orchestration.places import attach
from orchestration.policy.checks import POLICY_FILES
from orchestration.settings import Settings, UsageError

log = logging.getLogger("warehouse")

REPLAYED_FOLDER = "recognition"
# A comparison needs what recognition computes, not what it publishes.
REPLAYED_MODELS = {"act", "decision", "ledger", "activity_score"}
# The ledger is the awarded decisions and their reversals, so it is a view and not stored a second time.
LEFT_AS_VIEWS = {"ledger"}
# A build of only some models does not leave this.
WHOLE = "select 1 from duckdb_tables() where database_name = 'built' and table_name = 'publication'"


class NotRecordedError(UsageError):
    """Nothing is built that could be replayed, or the day lies outside of it."""


def replay(
    settings: Settings,
    candidate: Path,
    connection: duckdb.DuckDBPyConnection,
    as_of_date: dt.date | None = None,
) -> None:
    """Run recognition with a candidate's policy; the results go into the attached database `warehouse`.

    The built warehouse is attached as `built`, read-only. The relations that recognition reads appear in
    `warehouse` as views, so the compiled SQL runs as it is.

    Args:
        settings: where the warehouse lies.
        candidate: a folder with a policy without problems.
        connection: a new connection; it spills to `what_if/spill` what does not fit into memory.
        as_of_date: the last day whose acts count; the last day built if not given.

    Raises:
        NotRecordedError: nothing was built yet, or only a part; or the day lies after the last built day, or
            before the first act.
        LogBesideError: somebody else wrote to what is built.
        UncompiledError: dbt cannot compile recognition.
    """
    if not settings.warehouse_file.exists():
        raise NotRecordedError(f"nothing is built in {settings.warehouse_dir} yet; `warehouse run` builds")
    models = compiled(settings, _in_order, REPLAYED_FOLDER)
    settings.what_if_dir.mkdir(exist_ok=True)
    spill = settings.what_if_dir / "spill"
    set_up(connection, settings.memory_limit, spill)
    connection.execute("set preserve_insertion_order = false; attach ':memory:' as warehouse; use warehouse")
    attach(connection, settings.warehouse_file, "built")
    if not connection.sql(WHOLE).fetchone():
        raise NotRecordedError(
            f"only a part is built in {settings.warehouse_dir}; `warehouse run` builds the whole"
        )
    for name in POLICY_FILES:
        table = name.removesuffix(".csv")
        connection.execute(f"create table {table} as from built.main.{table} limit 0")
        connection.execute(f"copy {table} from {pattern(candidate / name)} (header, nullstr '')")
    replayed = {node["unique_id"] for node in models}
    for unique_id in sorted({parent for node in models for parent in node["depends_on"]["nodes"]} - replayed):
        kind, _, name, *_ = unique_id.split(".")
        if kind == "model":
            connection.execute(f"create view {name} as from built.main.{name}")
    if as_of_date:
        _stop_after(connection, as_of_date)
    for node in models:
        is_view = node["config"]["materialized"] == "view" or node["name"] in LEFT_AS_VIEWS
        kind = "view" if is_view else "table"
        log.info("replaying %s", node["name"])
        connection.execute(f"create {kind} warehouse.main.{node['name']} as {node['compiled_code']}")


def _stop_after(connection: duckdb.DuckDBPyConnection, as_of_date: dt.date) -> None:
    """Replace the built as-of by an earlier one, so that nothing after that day counts."""
    first, last = connection.execute(
        "select (select min(occurred_on) from built.main.act), as_of_date from built.main.as_of"
    ).fetchone()
    if as_of_date > last:
        raise NotRecordedError(f"{as_of_date} lies after {last}, the last day built; choose an earlier one")
    if first is None:
        raise NotRecordedError(f"no act is recorded up to {last}, the last day built; leave the day out")
    if as_of_date < first:
        raise NotRecordedError(f"{as_of_date} lies before {first}, the first act; choose a later one")
    connection.execute(
        "create or replace view as_of as "
        f"select date '{as_of_date}' as as_of_date, date '{as_of_date}' + interval 24 hour as as_of"
    )


def _in_order(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """The models to replay, each after those it reads."""
    nodes = manifest["nodes"]
    ordered: list[dict[str, Any]] = []

    def visit(unique_id: str) -> None:
        node = nodes.get(unique_id)
        replayable = node and node["resource_type"] == "model" and node["fqn"][1] == REPLAYED_FOLDER
        if not replayable or node in ordered:
            return
        for parent in node["depends_on"]["nodes"]:
            visit(parent)
        ordered.append(node)

    for unique_id, node in sorted(nodes.items()):
        if node["name"] in REPLAYED_MODELS:
            visit(unique_id)
    return ordered
