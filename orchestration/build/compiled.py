"""The project's SQL, as dbt compiled it for the last build or compiles it now."""

import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from orchestration.build import dbt
from orchestration.settings import HinderedError, Settings

Manifest = dict[str, Any]
Nodes = list[dict[str, Any]]


class UncompiledError(HinderedError):
    """dbt cannot compile the project."""


def compiled(config: Settings, wanted: Callable[[Manifest], Nodes], selection: str) -> Nodes:
    """The wanted nodes of the manifest, each with its `compiled_code`.

    Args:
        config: where the warehouse lies.
        wanted: picks the nodes.
        selection: selects the same nodes for dbt.

    Raises:
        UncompiledError: the last build left some of them without SQL, and they cannot be compiled now.
    """
    file = config.dbt_dir / "manifest.json"
    nodes: Nodes = []
    # The user may not be allowed to read it, or a build may be writing it now.
    with suppress(OSError, ValueError):
        nodes = wanted(json.loads(file.read_bytes()))
    # After a build of some models, the others have no SQL.
    if not nodes or not all(node.get("compiled_code") for node in nodes):
        nodes = wanted(compile_now(selection))
    return nodes


def compile_now(selection: str) -> Manifest:
    """The manifest with a compiled selection, made outside any warehouse."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        (scratch / "building").mkdir()
        try:
            dbt.run("compile", "--select", selection, warehouse_dir=scratch, target=scratch / "target")
        except HinderedError as error:
            raise UncompiledError(f"dbt cannot compile the project: {error}") from error
        found: Manifest = json.loads((scratch / "target" / "manifest.json").read_bytes())
    return found
