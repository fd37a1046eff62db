"""What a proposed policy would have done: the real models over all recorded acts, in a scratch database.

The models of recognition are run as dbt compiled them for the last build, unchanged. They find the
candidate's rules in place of the seeds, and what else they read behind views of the warehouse.
"""

import json
import logging
from pathlib import Path
from typing import Any

import duckdb

from orchestration.policy.checks import POLICY_FILES
from orchestration.reading import literal
from orchestration.settings import Settings

log = logging.getLogger("warehouse")

REPLAYED_FOLDER = "recognition"
# What recognition publishes is not needed to compare; what it computes is.
REPLAYED_MODELS = {"act", "decision", "ledger", "activity_score"}
# The ledger is the awarded decisions and their reversals: read, not kept a second time.
LEFT_AS_VIEWS = {"ledger"}


def replay(settings: Settings, candidate: Path, connection: duckdb.DuckDBPyConnection) -> None:
    """Run recognition with a candidate's policy into the attached database `warehouse`.

    The built warehouse is attached as `built`, read-only. What recognition reads of it appears in `warehouse`
    as views, so that the compiled SQL runs as it is.

    Raises:
        FileNotFoundError: nothing was built yet.
    """
    manifest_file = settings.warehouse_dir / "dbt" / "manifest.json"
    if not settings.warehouse_file.exists() or not manifest_file.exists():
        raise FileNotFoundError(f"nothing is built in {settings.warehouse_dir} yet; `warehouse run` builds")
    manifest = json.loads(manifest_file.read_bytes())
    scratch = settings.warehouse_dir / "what_if"
    scratch.mkdir(exist_ok=True)
    connection.execute(
        "set TimeZone = 'UTC'; set memory_limit = '4GB'; set preserve_insertion_order = false;"
        f"set temp_directory = {literal(scratch / 'spill')};"
        f"attach {literal(settings.warehouse_file)} as built (read_only);"
        "attach ':memory:' as warehouse; use warehouse"
    )
    for name in POLICY_FILES:
        table = name.removesuffix(".csv")
        connection.execute(f"create table {table} as from built.main.{table} limit 0")
        connection.execute(f"copy {table} from {literal(candidate / name)} (header, nullstr '')")
    models = _in_order(manifest)
    replayed = {node["unique_id"] for node in models}
    for unique_id in sorted({parent for node in models for parent in node["depends_on"]["nodes"]} - replayed):
        parent = manifest["nodes"].get(unique_id)
        if parent and parent["resource_type"] == "model":
            connection.execute(f"create view {parent['name']} as from built.main.{parent['name']}")
    for node in models:
        is_view = node["config"]["materialized"] == "view" or node["name"] in LEFT_AS_VIEWS
        kind = "view" if is_view else "table"
        log.info("what if: %s", node["name"])
        connection.execute(f"create {kind} warehouse.main.{node['name']} as {node['compiled_code']}")


COMPARISON = """
    with standing as (
        select rule_id, sum(points)::bigint as points, count(*) filter (where points > 0) as awards
        from built.main.ledger group by rule_id
    ),
    proposed as (
        select rule_id, sum(points)::bigint as points, count(*) filter (where points > 0) as awards
        from warehouse.main.ledger group by rule_id
    )
    select
        rule_id,
        coalesce(standing.awards, 0) as awards_now,
        coalesce(proposed.awards, 0) as awards_then,
        coalesce(standing.points, 0) as points_now,
        coalesce(proposed.points, 0) as points_then,
        coalesce(proposed.points, 0) - coalesce(standing.points, 0) as difference
    from standing full outer join proposed using (rule_id)
    order by rule_id
"""


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
