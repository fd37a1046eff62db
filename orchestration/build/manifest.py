"""The dbt manifest of the project as it is now."""

import fcntl
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from orchestration.build import dbt
from orchestration.raw.contract import Table, contract
from orchestration.settings import PROJECT_DIR, HinderedError, settings

PARSED = "partial_parse.msgpack"  # what dbt keeps of a project it has parsed


def code_version() -> str:
    """A hash that changes with any model, macro, seed, law or contract."""
    digest = hashlib.sha256()
    for folder in ("models", "macros", "seeds", "tests/laws"):
        for path in sorted((PROJECT_DIR / folder).rglob("*.*")):
            digest.update(path.relative_to(PROJECT_DIR).as_posix().encode() + b"\0" + path.read_bytes())
    digest.update((PROJECT_DIR / "dbt_project.yml").read_bytes())
    return digest.hexdigest()[:12]


@cache
def manifest() -> dict[str, Any]:
    """The manifest of the code and the owner, as this process first read them.

    Raises:
        OSError: it must be parsed again, but the result cannot be written.
        HinderedError: dbt cannot read the project.
    """
    prepare_manifest()
    found: dict[str, Any] = json.loads((settings().parsed_dir / "manifest.json").read_bytes())
    return found


@cache
def export_tables() -> dict[str, Table]:
    """The contract of the exports, by table."""
    return contract(manifest())


@cache
def books() -> dict[str, str]:
    """The records that ingestion keeps of the deliveries and of the run: names and descriptions."""
    sources = manifest()["sources"].values()
    return {s["name"]: s["description"] for s in sources if s["name"] not in export_tables()}


def sliced_models() -> list[str]:
    """The models that keep the slices that stand, and know by themselves which these are."""
    models = [node for node in manifest()["nodes"].values() if node["resource_type"] == "model"]
    added_to = [node for node in models if node["config"]["materialized"] == "incremental"]
    return sorted(node["name"] for node in added_to if not node["config"]["unique_key"])


def owner() -> str:
    """The person to ask about any asset."""
    return str(next(group["owner"]["email"] for group in manifest()["groups"].values()))


def prepare_manifest() -> None:
    """Let dbt parse the project if something changed since the last time. Raises the same as manifest()."""
    config = settings()
    parsed = config.parsed_dir
    version = f"{code_version()} {config.owner}"
    if _is_prepared(parsed, version):
        return
    parsed.mkdir(parents=True, exist_ok=True)
    with (parsed / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_prepared(parsed, version):
            stamp = parsed / "code_version"
            if not stamp.exists() or stamp.read_text().split()[:1] != [code_version()]:
                # dbt would keep what it parsed of other files, and with it forget the description of a law of
                # which the SQL alone has changed.
                (parsed / PARSED).unlink(missing_ok=True)
            stamp.unlink(missing_ok=True)
            try:
                dbt.run("parse", warehouse_dir=parsed, target=parsed)  # it looks into no warehouse
            except HinderedError as error:
                raise HinderedError(f"dbt cannot read the project: {error}") from error
            stamp.write_text(version)


def _is_prepared(parsed: Path, version: str) -> bool:
    stamp = parsed / "code_version"
    return (parsed / "manifest.json").exists() and stamp.exists() and stamp.read_text() == version
