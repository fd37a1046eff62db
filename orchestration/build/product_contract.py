"""The contract of the product's tables: which columns of which type a version promises.

`models/product_contract.csv` has every version. A version promises its columns for ever. A column that is
added joins the last version; one that changes its type, is renamed or goes begins a new version.
`python -m orchestration.build.product_contract target/manifest.json` writes this down (`make contract`).
"""

import csv
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

from orchestration.settings import PROJECT_DIR

CONTRACT = PROJECT_DIR / "models" / "product_contract.csv"
HEADER = ("version", "table", "column", "type")

Columns = set[tuple[str, str, str]]  # table, column, type


def product_nodes(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The tables that the product shows, by name: every published one tagged `product`."""
    return {
        node["name"]: node
        for node in manifest["nodes"].values()
        if {"published", "product"} <= set(node["tags"]) and node["resource_type"] in ("model", "seed")
    }


def columns_of(manifest: dict[str, Any]) -> Columns:
    """The columns of the product's tables as their yml declares them."""
    return {
        (table, name, node["config"].get("column_types", {}).get(name) or column["data_type"])
        for table, node in product_nodes(manifest).items()
        for name, column in node["columns"].items()
    }


@cache
def recorded() -> dict[int, Columns]:
    """What each version promises."""
    versions: dict[int, Columns] = {}
    with CONTRACT.open(newline="") as file:
        for version, *column in list(csv.reader(file))[1:]:
            table, name, kind = column
            versions.setdefault(int(version), set()).add((table, name, kind))
    return versions


def version_of(columns: Columns) -> int | None:
    """The newest version whose promise these columns keep; None if they keep none."""
    return max((version for version, promised in recorded().items() if promised <= columns), default=None)


def with_these(versions: dict[int, Columns], columns: Columns) -> dict[int, Columns]:
    """The versions when these are the columns: in the last version, or in a new one if they break it."""
    last = max(versions, default=1)
    version = last if versions.get(last, set()) <= columns else last + 1
    return versions | {version: columns}


def record(manifest: dict[str, Any]) -> None:
    """Write down what the product's tables promise now."""
    with CONTRACT.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for version, columns in sorted(with_these(recorded(), columns_of(manifest)).items()):
            writer.writerows((version, *column) for column in sorted(columns))


if __name__ == "__main__":
    record(json.loads(Path(sys.argv[1]).read_bytes()))
