"""The wall: which folder of models may read which, checked on the dbt manifest before anything is built.

Points are descriptive. If a model of rotation could read a point, or a point could read engagement, a change
of policy could reach what people hear. The graph itself makes that impossible.
"""

import json
import sys
from pathlib import Path
from typing import Any

# Each folder, and everything it may read besides itself. Recognition never reads listening; see MUST_NOT_SEE.
MAY_READ = {
    "seeds": set(),
    "raw": set(),
    "staging": {"raw"},
    "scenes": {"staging"},
    "fair_play": {"staging"},
    "recognition": {"staging", "scenes", "seeds"},
    "analytics": {"raw", "staging", "scenes", "fair_play", "recognition", "seeds"},
}

# The records that ingestion keeps of the deliveries and of the run.
BOOKS = {"delivered", "run"}
# The only exports that a folder may depend on through any chain of models.
MAY_SEE = {
    "fair_play": BOOKS
    | {
        "track_engagements",
        "track_votes",
        "rotation_entries",
        "tracks",
        "communities",
        "fair_play_config",
        "release_deck_schedules",
    },
}
# The exports that a folder must not depend on through any chain of models.
MUST_NOT_SEE = {
    "recognition": {
        "track_engagements",
        "track_votes",
        "rotation_entries",
        "fair_play_config",
        "release_deck_schedules",
    },
}


def must_not_see(folder: str, exports: set[str]) -> set[str]:
    """Those of the given exports that a folder must never see."""
    beyond = exports - MAY_SEE[folder] if folder in MAY_SEE else set()
    return beyond | (exports & MUST_NOT_SEE.get(folder, set()))


def breaches(manifest: dict[str, Any]) -> list[str]:
    """One sentence for every place where the wall does not hold; empty if it holds."""
    found = []
    nodes = {
        unique_id: node
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] in ("model", "seed", "snapshot")
    }
    for node in nodes.values():
        folder = _folder(node)
        if folder not in MAY_READ:
            found.append(f"{node['name']} lies in models/{folder}, which the wall does not know")
            continue
        for parent in _parents(node):
            parent_folder = _folder(nodes.get(parent) or manifest["sources"][parent])
            if parent_folder != folder and parent_folder not in MAY_READ[folder]:
                allowed = ", ".join(sorted(MAY_READ[folder])) or "nothing"
                found.append(
                    f"{node['name']} ({folder}) reads {parent.split('.')[-1]} ({parent_folder}), "
                    f"but {folder} may read only {allowed}: points must never reach rotation, nor "
                    "listening a point"
                )
        forbidden = must_not_see(folder, _sources_behind(node, nodes, manifest["sources"]))
        found.extend(
            f"{node['name']} ({folder}) depends on the export {source}, which {folder} must never see"
            for source in sorted(forbidden)
        )
    return found


def _folder(node: dict[str, Any]) -> str:
    if node["resource_type"] == "source":
        return "raw"
    if node["resource_type"] == "seed":
        return "seeds"
    return str(node["fqn"][1])


def _parents(node: dict[str, Any]) -> list[str]:
    parents: list[str] = node.get("depends_on", {}).get("nodes", [])
    return parents


def _sources_behind(node: dict[str, Any], nodes: dict[str, Any], sources: dict[str, Any]) -> set[str]:
    seen, waiting, found = set(), _parents(node)[:], set()
    while waiting:
        unique_id = waiting.pop()
        if unique_id in seen:
            continue
        seen.add(unique_id)
        if unique_id in sources:
            found.add(sources[unique_id]["name"])
        else:
            waiting.extend(_parents(nodes[unique_id]))
    return found


if __name__ == "__main__":
    sys.exit("\n".join(breaches(json.loads(Path(sys.argv[1]).read_bytes()))) or 0)
