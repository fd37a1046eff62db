"""The product's tables as Parquet: equal to the published ones, never half there, and promised by version."""

import copy
import csv
import datetime as dt
import json
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest
from conftest import Run
from typer.testing import CliRunner

from orchestration.ask.status import status
from orchestration.build import product, product_contract
from orchestration.build.archive import current, roll_back
from orchestration.build.manifest import manifest
from orchestration.build.product_contract import columns_of, product_nodes, recorded, version_of, with_these
from orchestration.build.publication import publish, published_tables
from orchestration.build.working import is_published
from orchestration.cli import app
from orchestration.database import quoted
from orchestration.settings import HinderedError, Settings, settings

PUBLISHED = list(published_tables(manifest()).values())


def shown(warehouse_dir: Path) -> dict[str, Any]:
    """What a back end reads first."""
    return json.loads((warehouse_dir / "product" / "manifest.json").read_bytes())


def files(warehouse_dir: Path) -> dict[str, Path]:
    """The file of each table that the manifest leads to."""
    said = shown(warehouse_dir)
    return {
        name: warehouse_dir / "product" / said["folder"] / table["file"]
        for name, table in said["tables"].items()
    }


def published(file: Path, table: str) -> list[tuple[Any, ...]]:
    """The rows of the published file in its order, ids as text."""
    with duckdb.connect(str(file), read_only=True) as connection:
        rows = connection.sql(f"from {quoted(table)}").fetchall()
    return [tuple(str(v) if isinstance(v, uuid.UUID) else v for v in row) for row in rows]


def plain(value: Any) -> Any:
    """A value of pandas as Python has it."""
    if value is None or value is pd.NaT or value != value:
        return None
    return value.to_pydatetime() if isinstance(value, pd.Timestamp) else value


# What is read


def test_the_manifest_names_every_table_of_the_product_and_says_whose_it_is(golden: Run) -> None:
    said = shown(golden.warehouse_dir)
    assert sorted(said["tables"]) == sorted(product_nodes(manifest()))
    ((as_of_date, run_id, built_at),) = golden.sql("select as_of_date, run_id, built_at from publication")
    assert said["as_of_date"] == str(as_of_date)
    assert said["run_id"] == run_id
    assert dt.datetime.fromisoformat(said["built_at"]) == built_at.replace(tzinfo=dt.UTC)
    assert said["contract_version"] == max(recorded())
    assert {name: said["tables"][name]["audience"] for name in ("user_activity", "scope")} == {
        "user_activity": "member",
        "scope": "public",
    }
    assert all(product.is_whole(file.parent) for file in files(golden.warehouse_dir).values())


def test_polars_reads_what_is_published(golden: Run) -> None:
    said = shown(golden.warehouse_dir)["tables"]
    for name, file in files(golden.warehouse_dir).items():
        frame = pl.read_parquet(file)
        assert frame.rows() == published(golden.published_file, name), name
        assert (frame.height, frame.columns) == (
            said[name]["rows"],
            [c["name"] for c in said[name]["columns"]],
        )
    assert sum(table["rows"] for table in said.values()) > 300


def test_pandas_reads_what_is_published(golden: Run) -> None:
    for name, file in files(golden.warehouse_dir).items():
        frame = pd.read_parquet(file)
        rows = [tuple(map(plain, row)) for row in frame.itertuples(index=False, name=None)]
        assert rows == published(golden.published_file, name), name


def test_the_types_that_the_manifest_names_are_those_of_the_published_file(golden: Run) -> None:
    columns = {
        (name, column["name"], column["type"])
        for name, table in shown(golden.warehouse_dir)["tables"].items()
        for column in table["columns"]
    }
    assert columns == columns_of(manifest())
    with duckdb.connect(str(golden.published_file), read_only=True) as connection:
        found = connection.sql("select table_name, column_name, lower(data_type) from duckdb_columns()")
        assert columns <= set(found.fetchall())


# What takes its place


def publish_as(config: Settings, run_id: str, built_at: str) -> Path:
    """Publish once more, as another run."""
    with duckdb.connect(str(config.warehouse_file)) as connection:
        connection.execute("update publication set run_id = $1, built_at = $2::timestamp", [run_id, built_at])
    return publish(config, PUBLISHED)


def folders(config: Settings) -> set[str]:
    return {folder.name for folder in config.product_dir.glob("*/")}


@pytest.mark.usefixtures("copied")
def test_each_publication_has_a_folder_and_as_many_are_kept_as_publications(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PUBLICATIONS_KEPT", "2")
    config = settings()
    for day in (1, 2, 3):
        archived = publish_as(config, f"run {day}", f"2099-01-0{day}")
        assert shown(config.warehouse_dir)["folder"] == archived.stem
    assert folders(config) == {f"2026-01-03-run {day}" for day in (2, 3)}
    assert folders(config) == {file.stem for file in config.publications_dir.iterdir()}


@pytest.mark.usefixtures("copied")
def test_a_run_that_publishes_once_more_leaves_its_folder_to_whoever_reads_it() -> None:
    config = settings()
    folder = config.product_dir / publish(config, PUBLISHED).stem
    found = folder.stat().st_ino
    publish(config, PUBLISHED)
    assert folder.stat().st_ino == found
    with duckdb.connect(str(config.warehouse_file)) as connection:
        connection.execute("delete from user_activity")
    publish(config, PUBLISHED)
    assert shown(config.warehouse_dir)["tables"]["user_activity"]["rows"] == 0
    assert product.is_whole(folder)


@pytest.mark.usefixtures("copied")
@pytest.mark.parametrize("lost", [False, True])
def test_a_rollback_goes_back_to_the_folder_too_and_writes_one_that_is_lost(lost: bool) -> None:
    config = settings()
    before = current(config)
    standing = files(config.warehouse_dir)
    with duckdb.connect(str(config.warehouse_file)) as connection:
        connection.execute("delete from user_activity")
    publish_as(config, "the next", "2099-01-01")
    assert shown(config.warehouse_dir)["run_id"] == "the next"
    if lost:
        standing["user_activity"].unlink()
    roll_back(config)
    assert files(config.warehouse_dir) == standing
    assert product.shows(config, before.as_of_date, before.run_id)
    assert not (config.product_dir / ".draft").exists()


def manifest_of_another(config: Settings) -> None:
    """As after a kill between the published file and its folder."""
    folder = config.product_dir / "2026-01-02-another"
    shutil.copytree(config.product_dir / shown(config.warehouse_dir)["folder"], folder)
    said = shown(config.warehouse_dir) | {"folder": folder.name}
    for file in (folder / "manifest.json", config.product_manifest):
        file.unlink()
        file.write_text(json.dumps(said))


def no_manifest(config: Settings) -> None:
    config.product_manifest.unlink()


def no_folder(config: Settings) -> None:
    shutil.rmtree(config.product_dir)


def no_file(config: Settings) -> None:
    files(config.warehouse_dir)["scope"].unlink()


def another_file(config: Settings) -> None:
    file = files(config.warehouse_dir)["scope"]
    file.chmod(0o640)
    file.write_bytes(file.read_bytes() + b"?")


def no_json(config: Settings) -> None:
    config.product_manifest.chmod(0o640)
    config.product_manifest.write_text("{")


def of_another_shape(config: Settings) -> None:
    for file in (config.product_manifest, files(config.warehouse_dir)["scope"].with_name("manifest.json")):
        file.chmod(0o640)
        file.write_text("[]")


def product_matches() -> bool:
    """What `warehouse status` says of the tables."""
    found = status(settings(), dt.datetime.now(dt.UTC))
    return found["published"]["product matches"]


@pytest.mark.parametrize(
    "harm",
    [manifest_of_another, no_manifest, no_folder, no_file, another_file, no_json, of_another_shape],
)
@pytest.mark.usefixtures("copied")
def test_tables_that_are_not_those_of_the_published_file_are_noticed_and_published_anew(
    harm: Callable[[Settings], None],
) -> None:
    config = settings()
    assert is_published(config)
    harm(config)
    assert not is_published(config)
    said = CliRunner().invoke(app, ["verify"])
    assert said.exit_code == 1
    assert "the laws hold, but the tables in" in said.stderr
    assert not product_matches()
    publish(config, PUBLISHED)
    assert is_published(config)
    assert folders(config) == {file.stem for file in config.publications_dir.iterdir()}


@pytest.mark.usefixtures("copied")
def test_tables_that_are_as_they_were_published_pass() -> None:
    assert CliRunner().invoke(app, ["verify"]).exit_code == 0
    assert product_matches()


# What is promised


def renamed(found: dict[str, Any]) -> None:
    columns = product_nodes(found)["scope"]["columns"]
    columns["title"] = columns.pop("label") | {"name": "title"}


def gone(found: dict[str, Any]) -> None:
    del product_nodes(found)["scope"]["columns"]["label"]


def of_another_type(found: dict[str, Any]) -> None:
    product_nodes(found)["activity_score"]["columns"]["points_7d"]["data_type"] = "double"


def no_longer_shown(found: dict[str, Any]) -> None:
    product_nodes(found)["scope"]["tags"].remove("product")


def added(found: dict[str, Any]) -> None:
    product_nodes(found)["scope"]["columns"]["more"] = {"name": "more", "data_type": "bigint"}


def unrecorded(found: dict[str, Any]) -> bool:
    """Whether `make contract` has something to write down."""
    return with_these(recorded(), columns_of(found)) != recorded()


def test_the_contract_says_what_the_tables_of_the_product_promise_now() -> None:
    assert not unrecorded(manifest()), "the product's tables changed: run `make contract`"
    with product_contract.CONTRACT.open(newline="") as file:
        assert next(csv.reader(file)) == list(product_contract.HEADER)


@pytest.mark.parametrize(
    ("change", "versions_more"),
    [(renamed, 1), (gone, 1), (of_another_type, 1), (no_longer_shown, 1), (added, 0)],
)
def test_a_change_of_a_column_without_its_record_is_found_and_a_break_is_a_new_version(
    change: Callable[[dict[str, Any]], None], versions_more: int
) -> None:
    changed = copy.deepcopy(manifest())
    change(changed)
    assert unrecorded(changed)
    after = with_these(recorded(), columns_of(changed))
    assert max(after) == max(recorded()) + versions_more
    assert after[max(after)] == columns_of(changed)
    assert (version_of(columns_of(changed)) == max(recorded())) == (versions_more == 0)


def test_every_table_of_the_product_is_published_and_declares_its_columns() -> None:
    tagged = {n["name"] for n in manifest()["nodes"].values() if "product" in n.get("tags", [])}
    assert tagged == set(product_nodes(manifest()))
    assert {table for table, _, _ in columns_of(manifest())} == tagged


def test_the_record_is_written_as_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = copy.deepcopy(manifest())
    renamed(changed)
    wanted = with_these(recorded(), columns_of(changed))
    monkeypatch.setattr(product_contract, "CONTRACT", tmp_path / "contract.csv")
    product_contract.record(changed)
    recorded.cache_clear()
    try:
        assert recorded() == wanted
    finally:
        recorded.cache_clear()


@pytest.mark.usefixtures("copied")
def test_tables_that_break_every_version_are_not_published() -> None:
    config = settings()
    before = config.published_file.read_bytes(), config.product_manifest.read_bytes()
    with duckdb.connect(str(config.warehouse_file)) as connection:
        connection.execute("alter table scope rename column city to town")
        connection.execute("update publication set run_id = 'the next'")
    with pytest.raises(HinderedError, match="break every version of the contract"):
        publish(config, PUBLISHED)
    assert (config.published_file.read_bytes(), config.product_manifest.read_bytes()) == before
