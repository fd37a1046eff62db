"""Random schedules of delivery: the same exports, arriving in any order, twice, in pieces, wrong at first."""

import datetime as dt
import json
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import numpy as np
from worlds import PUBLISHED, TABLES, World, ancestors, departed, directories, ingest_nights, models

from orchestration.build.manifest import sliced_models
from orchestration.build.working import start_from
from orchestration.places import seal
from orchestration.raw.read import checksum
from orchestration.sample import SampleSize, write_sample
from orchestration.settings import Settings

SIZE = SampleSize(members=40, scenes=4, tracks=20, engagements=700, actions=250, nights=2, history_days=410)
ORDERS = ("night by night", "at once", "nights in any order", "tables in any order")
FORMS = ("wrong", "a part missing", "cut off", "twice")
# What a build that is built upon leaves to the next: the incremental models, and what they read.
SLICED = sliced_models()
CARRIED = set(ancestors(*(model.name for model in models().values() if model.incremental_sql)))

Rows = dict[str, list[tuple[object, ...]]]


def write_exports(
    exports_dir: Path, rng: np.random.Generator, seed: int, nights: int = 2, *, leaving: bool = False
) -> list[dt.date]:
    """A night up to 400 days before the others, then so many; some in parts, some with a manifest.

    Rows of snapshots disappear with the last night. If `leaving`, members do too, and others are missing from
    the night before and come back. Returns the nights, oldest first.
    """
    faults = ("late", "duplicate", "corrected", "broken")
    size = replace(SIZE, nights=nights)
    dates = write_sample(exports_dir, size, seed=seed, formats=("parquet",), faults=faults)
    old = dates[0] - dt.timedelta(days=int(rng.integers(30, 400)))
    snapshots = sorted(name for name, table in TABLES.items() if table.kind == "snapshot" and name != "users")
    thinned = {str(name) for name in rng.choice(snapshots, 10, replace=False)}
    with duckdb.connect() as connection:
        for name, table in TABLES.items():
            first = exports_dir / name / dates[0].isoformat() / "part-0000.parquet"
            if first.exists():
                before = exports_dir / name / old.isoformat() / first.name
                before.parent.mkdir()
                happened = f"{table.event_time} < date '{old}' + 1" if table.kind == "append" else "true"
                _copy(connection, f"from '{first}' where {happened}", before)
                if table.kind == "append":
                    _copy(connection, f"from '{first}' where not ({happened})", first)
            last = exports_dir / name / dates[-1].isoformat() / "part-0000.parquet"
            if name in thinned and last.exists():
                _copy(connection, f"from '{last}' where hash(id) % 4 <> 0", last)
        if leaving:
            for night, gone in ((dates[-2], 1), (dates[-1], 0)):
                users = exports_dir / "users" / night.isoformat() / "part-0000.parquet"
                _copy(connection, f"from '{users}' where hash(id) % 8 <> {gone} or id is null", users)
        for folder in sorted(exports_dir.glob("*/*")):
            part = folder / "part-0000.parquet"
            if rng.random() < 0.2:
                _copy(connection, f"from '{part}' where hash(id) % 2 = 0", folder / "part-0001.parquet")
                _copy(connection, f"from '{part}' where hash(id) % 2 <> 0 or id is null", part)
            if rng.random() < 0.3:
                parts = {path.name: {"sha256": checksum(path)} for path in folder.glob("part-*")}
                (folder / "_manifest.json").write_text(json.dumps({"parts": parts}))
    return [old, *dates]


def _copy(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    connection.execute(f"create or replace temp table copied as {query}")
    connection.execute(f"copy copied to '{path}' (format parquet)")


def make_wrong(folder: Path, column: str) -> None:
    """A delivery that will be corrected: rows are missing, others never were, a column is mixed up."""
    (folder / "_manifest.json").unlink(missing_ok=True)
    part = folder / "part-0000.parquet"
    mixed_up = f'lag("{column}", 1, "{column}") over (order by id) as "{column}"'
    with duckdb.connect() as connection:
        _copy(
            connection,
            f"""
            select * replace ({mixed_up}) from '{part}' where hash(id) % 5 <> 0
            union all
            select * replace (md5(id)::uuid::varchar as id) from '{part}' where hash(id) % 5 = 1
            """,
            part,
        )


@dataclass
class Warehouse:
    """A warehouse that lives through runs, without the job around them: the models are built in memory.

    `built_upon` counts the builds upon an earlier one, `kept_slices` those that kept its slices alone.
    `left` are the members erased by now, `returned` those who were, and are no more.
    """

    home: Path
    confirmed: Collection[dt.date]
    built_upon: int = 0
    kept_slices: int = 0
    left: set[str] = field(default_factory=set)
    returned: set[str] = field(default_factory=set)
    world: World = field(default_factory=World)

    def run(
        self,
        *,
        not_after: dt.date = dt.date.max,
        break_off_after: int | None = None,
        break_off_build: bool = False,
        names: Collection[str] | None = None,
    ) -> None:
        """One run, which may break off in ingestion or while it builds; `names` are the models it builds."""
        config = directories(self.home)
        if ingest_nights(config, self.confirmed, not_after, break_off_after) is None:
            return
        self.returned |= self.left
        self.left = departed(config)
        self.returned -= self.left
        start_from(config)
        if break_off_build:
            return
        self._take_up(config)
        self.world.load(config)
        self.world.build(names, incremental=True)
        # What the next run looks at to decide whether to build upon this one.
        config.building_file.unlink(missing_ok=True)
        self.world.connection.execute(
            f"""
            attach '{config.warehouse_file}' as built;
            create table built.row_account as select delivery_id, status from delivery;
            create table built.publication as
            select as_of_date, code_version, erasure_version, engine, built_at from raw.run
            """
        )
        for name in SLICED:
            self.world.connection.execute(f"create table built.{name} as from main.{name}")
        self.world.connection.execute("detach built")
        (built_at,) = self.world.connection.execute("select built_at from raw.run").fetchone()
        seal(config.warehouse_file, built_at)
        shutil.rmtree(config.building_dir)

    def _take_up(self, config: Settings) -> None:
        """Go on with the world if all of it stands, or with its slices alone, or with an empty one."""
        left = []
        if config.building_file.exists():
            with duckdb.connect(str(config.building_file), read_only=True) as connection:
                left = [
                    name
                    for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()
                ]
        if "publication" in left:
            self.built_upon += 1
            return
        self.world = World()
        if left:
            self.kept_slices += 1
            assert sorted(left) == SLICED
            self.world.connection.execute(f"attach '{config.building_file}' as built (read_only)")
            for name in left:
                self.world.connection.execute(f"create table {name} as from built.main.{name}")
            self.world.connection.execute("detach built")

    def published(self) -> Rows:
        """The rows of every published table, `publication` aside, sorted."""
        read = self.world.connection.execute
        return {table: read(f"from {table} order by all").fetchall() for table in PUBLISHED}


@dataclass
class Schedule:
    """One way in which exports may arrive; `story` tells it, and `kinds` what surely happened in it.

    Which order, and which form some folder takes at first, follows from the number.
    """

    exports: Path
    nights: list[dt.date]
    rng: np.random.Generator
    users_may_be_wrong: bool
    number: int
    kinds: set[str] = field(default_factory=set)
    story: list[str] = field(default_factory=list)

    def follow(self, arriving: Path, run: Callable[..., None], names: Collection[str] | None = None) -> None:
        """Let everything arrive in `arriving`, with a run after each batch; the last one has it all.

        Runs before the last build only `names`.
        """
        order, form = ORDERS[self.number % len(ORDERS)], FORMS[(self.number * 5 // 4) % len(FORMS)]
        self.story.append(order)
        self.kinds.add(order)
        batches = self._batches(order, form)
        for number, batch in enumerate(batches):
            for folder, form in batch.items():
                self._arrive(folder, arriving, form)
            is_last = number == len(batches) - 1
            trouble = self.rng.choice(["", "", "", "ingestion", "build", "earlier"])
            if trouble:
                self.story.append(f"run {number}: {trouble}")
            if trouble == "ingestion":
                run(break_off_after=int(self.rng.integers(1, 60)), names=names)
            elif trouble == "build":
                run(break_off_build=True, names=names)
            elif trouble == "earlier":
                run(not_after=self.nights[int(self.rng.integers(0, len(self.nights) - 1))], names=names)
            run(names=None if is_last else names)

    def _batches(self, order: str, sure: str) -> list[dict[Path, str]]:
        """By run: which folders arrive, and in which form."""
        runs = {"night by night": len(self.nights), "at once": 2}.get(order, int(self.rng.integers(2, 5)))
        of_night = dict(zip(self.nights, self.rng.integers(0, runs, len(self.nights)), strict=True))
        batches: list[dict[Path, str]] = [{} for _ in range(runs)]
        special = float(self.rng.choice([0, 0, 0.03, 0.1]))
        folders = sorted(folder for name in TABLES for folder in self.exports.glob(f"{name}/*"))
        for place in self.rng.permutation(len(folders)):
            folder = folders[place]
            night = dt.date.fromisoformat(folder.name)
            first = {
                "night by night": self.nights.index(night),
                "at once": 0,
                "nights in any order": of_night[night],
                "tables in any order": self.rng.integers(0, runs),
            }[order]
            form = str(self.rng.choice(FORMS)) if self.rng.random() < special else "right"
            form = form if sure in self.kinds else sure
            if form in ("wrong", "a part missing") and folder.parent.name == "users":
                form = form if self.users_may_be_wrong else "right"
            if form == "a part missing" and len(list(folder.glob("part-*"))) == 1:
                form = "right"
            if form != "right" and first < runs - 1:
                self.kinds.add(form)
                self.story.append(f"{folder.parent.name} {night}: {form} in run {first}")
                batches[first][folder] = "right" if form == "twice" else form
                first = self.rng.integers(first + 1, runs)
            batches[first][folder] = "right"
        return batches

    def _arrive(self, folder: Path, arriving: Path, form: str) -> None:
        target = arriving / folder.parent.name / folder.name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, target)
        first, *others = sorted(target.glob("part-*"))
        if form == "wrong":
            columns = [c.delivered for c in TABLES[folder.parent.name].columns]
            make_wrong(target, str(self.rng.choice(columns[1:])))
        elif form == "a part missing":
            for part in others:
                part.unlink()
        elif form == "cut off":
            first.write_bytes(first.read_bytes()[:-100])
