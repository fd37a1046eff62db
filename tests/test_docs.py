"""The pages of `make docs`: every column has its type, and the first page is our own."""

from collections.abc import Iterable
from pathlib import Path

import duckdb
import pytest
from worlds import World, directories

from orchestration.build.manifest import manifest
from orchestration.build.outline import lay_out
from orchestration.raw.check import STORED_TYPES
from orchestration.settings import PROJECT_DIR, Settings

OVERVIEW = manifest()["docs"]["doc.activity_warehouse.__overview__"]["block_contents"]


@pytest.fixture
def outlined(tmp_path: Path) -> Settings:
    """A warehouse with nothing in it."""
    config = directories(tmp_path)
    config.warehouse_dir.mkdir(parents=True)
    (config.warehouse_dir / "left over").touch()
    lay_out(config)
    return config


def types(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], str]:
    """The type of every column of every relation."""
    columns = connection.sql(
        "select table_name, column_name, data_type from duckdb_columns() where not internal"
    )
    return {(table, column.lower()): data_type for table, column, data_type in columns.fetchall()}


def documented(kinds: Iterable[str]) -> dict[tuple[str, str], str | None]:
    """Every column that has a description, and its type where the YAML says it."""
    nodes = [*manifest()["sources"].values(), *manifest()["nodes"].values()]
    return {
        (node["name"], name.lower()): column["data_type"]
        for node in nodes
        if node["resource_type"] in kinds
        for name, column in node["columns"].items()
    }


def test_the_catalog_holds_the_columns_of_every_source_with_the_type_of_its_contract(
    outlined: Settings,
) -> None:
    with duckdb.connect(str(outlined.building_file)) as connection:
        found = types(connection)
    wanted = documented(["source"])
    assert len(wanted) > 100
    assert {column: found.get(column, "").lower() for column in wanted} == {
        column: STORED_TYPES.get(kind, kind) for column, kind in wanted.items()
    }


def test_every_table_can_be_built_of_nothing_and_has_the_columns_that_are_described(
    outlined: Settings,
) -> None:
    world = World()
    world.load(outlined)
    world.build()
    wanted = documented(["model", "seed"])
    assert len(wanted) > 100
    assert sorted(wanted.keys() - types(world.connection).keys()) == []


def test_the_first_page_names_every_layer_and_every_law() -> None:
    layers = {path.name for path in (PROJECT_DIR / "models").iterdir() if path.is_dir()}
    assert [layer for layer in layers if f"| `{layer}` |" not in OVERVIEW] == []
    laws = (PROJECT_DIR / "docs" / "laws.md").read_text()
    last = max(int(line.split()[1]) for line in laws.splitlines() if line[:3].strip("| ").isdigit())
    assert f"\n{last}. " in OVERVIEW
    assert f"\n{last + 1}. " not in OVERVIEW
