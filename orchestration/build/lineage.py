"""Where every number comes from: which columns of the exports decide its value, and which decide its row.

It follows the SQL that dbt compiled, select by select. The value of a column comes from the columns it is
computed from. Every column that joins, filters, groups or removes duplicates on the way decides whether the
row is there. `python -m orchestration.build.lineage target/manifest.json` writes docs/lineage.md.
"""

import csv
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from sqlglot import exp, parse_one
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope

from orchestration.build.wall import must_not_see
from orchestration.raw.account import BOOKKEEPING_COLUMNS, DELIVERED_COLUMNS, REJECTED_COLUMNS
from orchestration.raw.contract import contract
from orchestration.settings import PROJECT_DIR

Leaf = tuple[str, str]

_QUERY = (exp.Select, exp.SetOperation)

SIDES = ("fair_play", "recognition")
PRICE = ("point_rule", "points")
# This table holds one metric per row, so lineage is traced per metric.
SUMMARY = "analytics_summary"
OF = "delivered of "
HEAD = """\
# Where each number comes from

This page traces every column of the published tables on both sides of the wall, and every column of points in
analytics, back to the exports and seeds, through the SQL that dbt compiled. The value of a column comes from
the columns it is computed from. Whether its row is there, and which rows a count or sum covers, is decided by
every column that joins, filters, groups or removes duplicates on the way.

`delivered of T` is what ingestion itself recorded of table T alone: which nights arrived, and whether
complete. `run` says what the build is for, `erased` which ids are pseudonyms. None of these three says what
anybody did. No column of fair_play, in value or in row, comes from anything but track_engagements,
track_votes, rotation_entries, tracks, communities, fair_play_config, release_deck_schedules and these
three. No column of recognition comes from track_engagements, track_votes, rotation_entries,
fair_play_config or release_deck_schedules. `make docs` writes this page; a test compares it with the SQL.
"""

# The SQL of a source, which ingestion wrote, as dbt compiles it.
_RAW = re.compile(r"read_parquet\('(?:[^']|'')*/raw/(?:\*/\*/)?(\w+)[^']*'(?:,\s*\w+ = \w+)*\)")


@dataclass(frozen=True)
class Relation:
    """The exports' columns behind each column of a relation, and those that decide which rows it has."""

    columns: dict[str, frozenset[Leaf]]
    rows: frozenset[Leaf]

    def restricted_to(self, table: str) -> "Relation":
        """The same relation, if only the deliveries of one table are looked at."""

        def renamed(leaves: frozenset[Leaf]) -> frozenset[Leaf]:
            return frozenset((OF + table if t == "delivered" else t, c) for t, c in leaves)

        return Relation({name: renamed(leaves) for name, leaves in self.columns.items()}, renamed(self.rows))


def on_tables(sql: str) -> str:
    """Compiled SQL that reads `raw.<name>` instead of the files of raw."""
    return _RAW.sub(r"raw.\1", sql)


def trace(manifest: dict[str, Any]) -> dict[str, Relation]:
    """Trace every seed and model of a compiled manifest to the exports and seeds.

    The SQL of a model says what it reads. The graph does not see a table that is named without ref().
    """
    traced = {f"raw.{name}": _leaves(name, columns) for name, columns in _raw_columns(manifest).items()}
    for node in manifest["nodes"].values():
        if node["resource_type"] == "seed":
            with (PROJECT_DIR / node["original_file_path"]).open(newline="") as file:
                traced[f"main.{node['name']}"] = _leaves(node["name"], next(csv.reader(file)))
    queries = {node["name"]: _parsed(node["compiled_code"]) for node in _models(manifest)}
    reads = {name: _tables(query) & queries.keys() for name, query in queries.items()}
    for name in TopologicalSorter(reads).static_order():
        traced[f"main.{name}"] = _trace_query(queries[name], traced)
    return {name.removeprefix("main."): found for name, found in traced.items() if name.startswith("main.")}


def _parsed(sql: str) -> exp.Expr:
    query = parse_one(on_tables(sql), dialect="duckdb")
    for table in query.find_all(exp.Table):
        table.set("catalog", None)
    return query


def _tables(query: exp.Expr) -> set[str]:
    """The tables that a query names, without its own common table expressions."""
    own = {cte.alias for cte in query.find_all(exp.CTE)}
    tables = query.find_all(exp.Table)
    return {table.name for table in tables if table.db == "main" or not (table.db or table.name in own)}


def crossings(manifest: dict[str, Any]) -> list[str]:
    """One sentence for every column that comes from something its folder must never see."""
    found: list[str] = []
    traced = trace(manifest)
    for node in sorted(_models(manifest), key=lambda node: node["name"]):
        folder, relation = node["fqn"][1], traced[node["name"]]
        found.extend(
            f"{node['name']}.{column} holds points and comes from {table}: listening must never reach a point"
            for column, leaves in _of_points(node, traced).items()
            for table in sorted(must_not_see("recognition", {table for table, _ in leaves}))
        )
        for column, leaves in {**relation.columns, "": relation.rows}.items():
            tables = {table.removeprefix(OF) for table, _ in leaves}
            # A source without a table name may be any table, so it counts as all of them.
            beyond = must_not_see(folder, tables) | (
                tables & {"delivered"} if folder == "fair_play" else set()
            )
            what = f"{node['name']}.{column}" if column else f"which rows {node['name']} has"
            found.extend(
                f"{what} comes from {table}, which {folder} must never see: "
                "points must never reach rotation, nor listening a point"
                for table in sorted(beyond)
            )
    return found


def page(manifest: dict[str, Any]) -> str:
    """docs/lineage.md: the published tables of both sides of the wall, and the points in analytics."""
    traced = trace(manifest)
    lines = [HEAD]
    for node in sorted(_models(manifest), key=lambda node: (node["fqn"][1], node["name"])):
        if "published" in node["tags"] and node["fqn"][1] in SIDES:
            relation = traced[node["name"]]
            lines += [
                f"## {node['name']} ({node['fqn'][1]})\n",
                "| column | its value comes from |",
                "|---|---|",
                *(f"| {column} | {_named(leaves)} |" for column, leaves in relation.columns.items()),
                f"\nWhich rows there are is decided by {_named(relation.rows)}.\n",
            ]
    for node in sorted(_models(manifest), key=lambda node: node["name"]):
        if node["fqn"][1] not in SIDES and (columns := _of_points(node, traced)):
            lines += [
                f"## {node['name']} (points in {node['fqn'][1]})\n",
                "| column | its value comes from |",
                "|---|---|",
                *(f"| {column} | {_named(leaves)} |" for column, leaves in columns.items()),
                "",
            ]
    return "\n".join(lines)


def _of_points(node: dict[str, Any], traced: dict[str, Relation]) -> dict[str, frozenset[Leaf]]:
    """The columns of a model that hold points, and the columns their values come from."""
    columns = traced[node["name"]].columns.items() if node["name"] != SUMMARY else ()
    return {name: leaves for name, leaves in columns if PRICE in leaves}


def _models(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def _named(leaves: frozenset[Leaf]) -> str:
    """Tables with their columns, without the columns that settle which of several deliveries stands."""
    columns: dict[str, list[str]] = {}
    for table, column in sorted(leaves):
        columns.setdefault(table, []).extend([column] if column not in BOOKKEEPING_COLUMNS else [])
    return (
        "; ".join(
            f"{table} ({', '.join(names)})" if names and not table.startswith(OF) else table
            for table, names in columns.items()
        )
        or "no export: it is written in the SQL, or counts rows"
    )


def _raw_columns(manifest: dict[str, Any]) -> dict[str, list[str]]:
    exports = {
        table.name: [*(column.name for column in table.columns), *BOOKKEEPING_COLUMNS]
        for table in contract(manifest).values()
    }
    books = {source["name"]: list(source["columns"]) for source in manifest["sources"].values()}
    return {**books, **exports, "delivered": list(DELIVERED_COLUMNS), "rejected": list(REJECTED_COLUMNS)}


def _leaves(table: str, columns: list[str]) -> Relation:
    return Relation({column.lower(): frozenset({(table, column)}) for column in columns}, frozenset())


def _trace_query(query: exp.Expr, traced: dict[str, Relation]) -> Relation:
    """The origin of a query's columns and rows, given the relations that it reads."""
    schema: dict[str, Any] = {}
    for name, relation in traced.items():
        database, table = name.split(".")
        schema.setdefault(database, {})[table] = dict.fromkeys(relation.columns, "unknown")
    query = qualify(query, dialect="duckdb", db="main", schema=schema, quote_identifiers=False)
    return _Query(traced, {id(scope.expression): scope for scope in traverse_scope(query)}).relation(query)


@dataclass(frozen=True)
class _Query:
    """A query that is being traced: its selects, unions and table functions, by identity of expression."""

    traced: dict[str, Relation]
    scopes: dict[int, Scope]
    found: dict[int, Relation] = field(default_factory=dict)

    def relation(self, expression: exp.Expr) -> Relation:
        """The origin of one of them."""
        if id(expression) not in self.found:
            self.found[id(expression)] = self._trace(expression, self.scopes[id(expression)])
        return self.found[id(expression)]

    def _trace(self, query: exp.Expr, scope: Scope) -> Relation:
        if isinstance(query, exp.SetOperation):
            return self._union(query)
        if isinstance(query, exp.Lateral):
            return self.relation(query.this.unnest())
        if not isinstance(query, exp.Select):
            # For values and unnest, every column and the rows come from everything in it.
            leaves = self._behind(scope, *query.iter_expressions())
            return Relation(dict.fromkeys(query.alias_column_names, leaves), leaves)
        windows = query.args.get("windows") or []
        columns = {
            item.alias_or_name: self._behind(scope, item, *(windows if item.find(exp.Window) else ()))
            for item in query.selects
        }
        deciding = [query.args.get(part) for part in ("where", "group", "having", "qualify")]
        deciding += [join.args.get("on") for join in query.args.get("joins") or []]
        if query.args.get("limit"):
            deciding.append(query.args.get("order"))
        if query.args.get("distinct") or (query.args.get("group") and query.args["group"].args.get("all")):
            deciding += [item for item in query.selects if not item.find(exp.AggFunc)]
        below = [self._read(scope, name).rows for name in scope.selected_sources]
        return Relation(columns, self._behind(scope, *deciding).union(*below))

    def _union(self, query: exp.SetOperation) -> Relation:
        left, right = (self.relation(arm.unnest()) for arm in (query.left, query.right))
        pairs = zip(left.columns.values(), right.columns.values(), strict=True)
        columns = {name: a | b for name, (a, b) in zip(left.columns, pairs, strict=True)}
        rows = left.rows | right.rows
        compared = query.args.get("distinct") or not isinstance(query, exp.Union)
        return Relation(columns, rows.union(*columns.values()) if compared else rows)

    def _behind(self, scope: Scope, *expressions: exp.Expr | None) -> frozenset[Leaf]:
        """The exports' columns behind expressions and behind the subqueries in them."""
        leaves: frozenset[Leaf] = frozenset()
        for node in _walk(*expressions):
            if isinstance(node, exp.Column):
                leaves |= self._read(scope, node.table).columns[node.name]
            elif isinstance(node, _QUERY):
                below = self.relation(node)
                leaves = leaves.union(below.rows, *below.columns.values())
        return leaves

    def _read(self, scope: Scope, name: str) -> Relation:
        """The relation that a source name stands for, here or (in a correlated subquery) further out."""
        while name not in scope.selected_sources:
            if scope.parent is None:
                raise LookupError(name)
            scope = scope.parent
        source = scope.selected_sources[name][1]
        if isinstance(source, exp.Table):
            relation = self.traced[f"{source.db}.{source.name}"]
        else:
            relation = self.relation(source.expression)
        table = _only_table(scope.expression, name)
        return relation.restricted_to(table) if table else relation


def _walk(*expressions: exp.Expr | None) -> Iterator[exp.Expr]:
    """Every node of the expressions, except those inside a subquery."""
    for expression in expressions:
        if expression is not None:
            yield from expression.walk(prune=lambda node: isinstance(node, _QUERY))


def _only_table(query: exp.Expr, source: str) -> str | None:
    """The one table to which a query restricts a source of many tables: `source.table_name = '...'`."""
    joins = query.args.get("joins") or []
    conditions = [join.args.get("on") for join in joins if not join.side or join.alias_or_name == source]
    conditions += [query.args["where"].this] if query.args.get("where") else []
    for condition in conditions:
        for node in condition.flatten() if isinstance(condition, exp.And) else [condition]:
            if (
                isinstance(node, exp.EQ)
                and isinstance(node.left, exp.Column)
                and (node.left.table, node.left.name) == (source, "table_name")
                and node.right.is_string
            ):
                return node.right.name
    return None


if __name__ == "__main__":
    compiled = json.loads(Path(sys.argv[1]).read_bytes())
    (PROJECT_DIR / "docs" / "lineage.md").write_text(page(compiled))
    sys.exit("\n".join(crossings(compiled)) or 0)
