"""Made-up worlds in one connection: ingested as every night is, then built with the SQL that dbt compiled.

A world holds the raw tables (schema `raw`), the seeds and every model (schema `main`) of one warehouse, all
in memory. Anything in it may be changed and built again; `undone` takes all of that back.
"""

import datetime as dt
import fcntl
import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb
from conftest import Run, placed

from orchestration.build import dbt
from orchestration.build.lineage import on_tables
from orchestration.build.manifest import code_version, export_tables, manifest
from orchestration.build.publication import publish, published_tables
from orchestration.build.run import write_run
from orchestration.database import literal
from orchestration.raw.account import known_parts
from orchestration.raw.discover import delivered_nights, latest_complete_night
from orchestration.raw.erase import settle
from orchestration.raw.ingest import ingest
from orchestration.raw.store import recover
from orchestration.sample import SampleSize, write_sample
from orchestration.settings import PROJECT_DIR, Settings, settings

SMALL = SampleSize(members=60, scenes=5, tracks=30, engagements=1500, actions=300, nights=3, history_days=20)
TABLES = export_tables()
BOOKS = {"delivered", "rejected"}
COMPILED = PROJECT_DIR / "target" / "worlds"
SEEDS = {node["name"]: node for node in manifest()["nodes"].values() if node["resource_type"] == "seed"}
# What is published beside `publication`, whose run and times are of each run its own.
PUBLISHED = sorted(set(published_tables(manifest()).values()) - {"publication"})


@dataclass(frozen=True)
class Model:
    """A model as dbt compiled it, reading raw tables of its world instead of files."""

    name: str
    folder: str
    kind: str
    parents: tuple[str, ...]
    sql: str
    key: str | None
    incremental_sql: str | None


@cache
def models() -> dict[str, Model]:
    """Every model, each after those it reads."""
    full, incremental = compiled(), compiled(incremental=True)
    found = {}
    for unique_id, node in full["nodes"].items():
        if node["resource_type"] == "model":
            later = incremental["nodes"][unique_id].get("compiled_code")
            is_incremental = node["config"]["materialized"] == "incremental"
            found[node["name"]] = Model(
                name=node["name"],
                folder=node["fqn"][1],
                kind="view" if node["config"]["materialized"] == "view" else "table",
                parents=tuple(
                    full["nodes"][parent]["name"]
                    for parent in node["depends_on"]["nodes"]
                    if parent in full["nodes"] and full["nodes"][parent]["resource_type"] == "model"
                ),
                sql=on_tables(node["compiled_code"]),
                key=node["config"]["unique_key"],
                incremental_sql=on_tables(later) if is_incremental else None,
            )
    order = TopologicalSorter({model.name: model.parents for model in found.values()}).static_order()
    return {name: found[name] for name in order}


@cache
def compiled(*, incremental: bool = False) -> dict[str, Any]:
    """The manifest of a build in full, or upon incremental tables; kept until the code changes."""
    folder = COMPILED
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = folder / "code_version"
        if not stamp.exists() or stamp.read_text() != code_version():
            database = folder / "building" / "warehouse.duckdb"
            database.parent.mkdir(exist_ok=True)
            database.unlink(missing_ok=True)
            dbt.run("compile", warehouse_dir=folder, target=folder / "full")
            with duckdb.connect(str(database)) as connection:
                for node in manifest()["nodes"].values():
                    if node["config"]["materialized"] == "incremental":
                        connection.execute(f"create table {node['name']} (there integer)")
            parsed = ("--partial-parse-file-path", str(folder / "full" / "partial_parse.msgpack"))
            dbt.run(
                "compile", "--select", "config.materialized:incremental", *parsed,
                warehouse_dir=folder, target=folder / "incremental",
            )  # fmt: skip
            stamp.write_text(code_version())
    return json.loads((folder / ("incremental" if incremental else "full") / "manifest.json").read_bytes())


def ancestors(*names: str, folder: str | None = None) -> list[str]:
    """These models and all that they are made of, or of that in one folder; each after those it reads."""
    found = set(names)
    for model in reversed(models().values()):
        if model.name in found:
            found.update(model.parents)
    return [m.name for m in models().values() if m.name in found and folder in (None, m.folder)]


def descendants(*names: str) -> list[str]:
    """These models and all that is made of them; each after those it reads. Of the others nothing changes."""
    found = set(names)
    for model in models().values():
        if found.intersection(model.parents):
            found.add(model.name)
    return [name for name in models() if name in found]


class World:
    """One warehouse in memory."""

    def __init__(self) -> None:
        """Nothing in it but the seeds."""
        self.connection = duckdb.connect()
        self.connection.execute("set TimeZone = 'UTC'; set threads = 1; set memory_limit = '1GB'")
        self.connection.execute("attach ':memory:' as warehouse; use warehouse; create schema raw")
        for name, seed in SEEDS.items():
            types = seed["config"]["column_types"] or dict.fromkeys(seed["columns"], "varchar")
            columns = ", ".join(f"{column} {kind}" for column, kind in types.items())
            self.connection.execute(f"create table {name} ({columns})")
            file = PROJECT_DIR / seed["original_file_path"]
            self.connection.execute(f"copy {name} from {literal(file)} (header, nullstr '')")

    def load(self, config: Settings) -> None:
        """Take over everything that stands in raw."""
        files = {name: f"{name}/*/rows.parquet" for name in TABLES} | {
            book: f"*/*/{book}.parquet" for book in BOOKS
        }
        for name, pattern in {**files, "run": "run.parquet", "erased": "erased.parquet"}.items():
            path = literal(config.raw_dir / pattern)
            self.connection.execute(
                f"create or replace table raw.{name} as from read_parquet({path}, union_by_name = true)"
            )

    def build(
        self,
        names: Collection[str] | None = None,
        *,
        incremental: bool = False,
        planted: dict[str, str] | None = None,
    ) -> None:
        """Build every model, or those named: in full, or incrementally upon what is there, as dbt does.

        `planted` SQL takes the place of a model's own. It is built last, so that it may read anything.
        """
        for model in models().values():
            if names is not None and model.name not in names:
                continue
            if incremental and model.incremental_sql and self.has(model.name):
                self._build_upon(model)
            else:
                self._create(model.kind, model.name, model.sql)
        for name, sql in (planted or {}).items():
            self._create("table", name, sql)

    def has(self, relation: str) -> bool:
        """Whether there is such a relation."""
        return bool(
            self.connection.execute("from duckdb_tables() where table_name = $1", [relation]).fetchall()
        )

    def broken(self, config: Settings) -> dict[str, int]:
        """The laws and tests that would keep it from being published, with how many rows each finds."""
        found = {
            node["name"]: self.connection.execute(
                f"select count(*) from ({placed(on_tables(node['compiled_code']), config.warehouse_dir)})"
            ).fetchone()[0]
            for node in compiled()["nodes"].values()
            if node["resource_type"] == "test" and node["config"]["severity"].lower() == "error"
        }
        assert len(found) > 50
        return {name: rows for name, rows in found.items() if rows}

    def _build_upon(self, model: Model) -> None:
        """Delete what comes again by its key, or the slices that have changed; then insert."""
        if not model.key:
            self.connection.execute(
                f"delete from {model.name} where made_of not in (select made_of from trend_slice)"
            )
        self.connection.execute(f"create or replace temp table arriving as {model.incremental_sql}")
        if model.key:
            self.connection.execute(
                f"delete from {model.name} where {model.key} in (select {model.key} from arriving)"
            )
        self.connection.execute(f"insert into {model.name} by name from arriving")

    def _create(self, kind: str, name: str, sql: str) -> None:
        self.connection.execute(f"create or replace {kind} {name} as {sql}")

    def rows(self, relation: str) -> list[dict[str, Any]]:
        """The rows of a relation, by column."""
        found = self.connection.execute(f"from {relation}")
        columns = [column[0] for column in found.description]
        return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]

    def keep(self, schema: str, names: Collection[str]) -> None:
        """Copy relations into a schema, to compare with later."""
        self.connection.execute(f"create schema {schema}")
        for name in names:
            self.connection.execute(f"create table {schema}.{name} as from main.{name}")

    def differing(self, schema: str, names: Collection[str]) -> dict[str, int]:
        """How many rows of which relations are not those kept in a schema."""
        found = {}
        for name in names:
            (rows,) = self.connection.execute(
                f"""
                select count(*) from (
                    (from main.{name} except all from {schema}.{name})
                    union all
                    (from {schema}.{name} except all from main.{name})
                )
                """
            ).fetchone()
            if rows:
                found[name] = rows
        return found

    def leave(self, config: Settings, names: Collection[str] = ()) -> None:
        """Write what is published of it, or what is named, as the file that publication reads."""
        names = names or {*PUBLISHED, "publication"}
        config.warehouse_dir.mkdir(parents=True, exist_ok=True)
        config.warehouse_file.unlink(missing_ok=True)
        views = {model.name for model in models().values() if model.kind == "view"}
        self.connection.execute(f"attach {literal(config.warehouse_file)} as left_here")
        for name in set(names) - views:
            self.connection.execute(f"create table left_here.{name} as from main.{name}")
        self.connection.execute("detach left_here")
        with duckdb.connect(str(config.warehouse_file)) as connection:
            for name in [name for name in models() if name in views.intersection(names)]:
                connection.execute(f"create view {name} as {models()[name].sql}")

    def publish(self, config: Settings) -> Run:
        """Leave all of it as a build leaves it, and publish it, if it breaks no law and no test."""
        assert self.broken(config) == {}
        self.leave(config, [*models(), *SEEDS])
        config.dbt_dir.mkdir()
        (config.dbt_dir / "manifest.json").write_text(json.dumps(compiled()))
        publish(config, [*PUBLISHED, "publication"])
        return Run(True, None, config.published_file, config.warehouse_dir)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Whatever happens in this block is taken back."""
        self.connection.execute("begin")
        try:
            yield
        finally:
            self.connection.execute("rollback")


def directories(home: Path, exports_dir: Path | None = None) -> Settings:
    """The directories of a warehouse below `home`."""
    return replace(settings(), exports_dir=exports_dir or home / "exports", warehouse_dir=home / "warehouse")


def ingest_nights(
    config: Settings,
    confirmed: Collection[dt.date] = (),
    not_after: dt.date = dt.date.max,
    break_off_after: int | None = None,
) -> dt.date | None:
    """What the nightly job does before dbt: returns the as-of night, None if there is none yet.

    With `break_off_after` ingestion ends after so many nights of tables, as a killed one would.
    """
    recover(config, TABLES)
    nights = delivered_nights(config.exports_dir, TABLES)
    arrived = {(night.table, night.date) for night in nights} | set(known_parts(config))
    as_of_date = latest_complete_night({key for key in arrived if key[1] <= not_after}, TABLES)
    if as_of_date is None:
        return None
    due = [night for night in nights if night.date <= as_of_date or TABLES[night.table].is_members]
    refused = []
    for done, outcome in enumerate(ingest(config, TABLES, due, confirmed_departures=confirmed), start=1):
        refused += [outcome.night] if outcome.action == "refused" else []
        if done == break_off_after:
            return None

    settle(config, TABLES, [night for night in nights if night not in refused])
    write_run(config, as_of_date, "made up")
    return as_of_date


def departed(config: Settings) -> set[str]:
    """The pseudonyms of the members who are erased because they left."""
    query = f"select pseudonym::varchar from {literal(config.erased_file)} where reason = 'departed'"
    return {pseudonym for (pseudonym,) in duckdb.execute(query).fetchall()}


def sample_world(
    home: Path, seed: int, size: SampleSize = SMALL, names: Collection[str] | None = None, **options: Any
) -> World:
    """A world of the sample, ingested; every model is built in full, or those named."""
    config = directories(home)
    nights = write_sample(config.exports_dir, size, seed=seed, **options)
    assert ingest_nights(config, confirmed=nights) == nights[-1]
    world = World()
    world.load(config)
    world.build(names)
    return world
