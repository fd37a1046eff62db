"""The words in which Dagster describes models and tests."""

from collections.abc import Mapping
from typing import Any

from dagster_dbt import DagsterDbtTranslator


class InWords(DagsterDbtTranslator):
    """Describes models by their contract alone. Their SQL is in the repository and not repeated."""

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """The description of a model, seed or source in its contract."""
        return dbt_resource_props["description"]


def with_check_descriptions(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest with a description of every test, in the place where dagster-dbt looks for it."""
    nodes = {
        unique_id: node | {"meta": node["meta"] | {"description": says(node, manifest)}}
        if node["resource_type"] == "test"
        else node
        for unique_id, node in manifest["nodes"].items()
    }
    return manifest | {"nodes": nodes}


def says(test: dict[str, Any], manifest: dict[str, Any]) -> str:
    """A sentence on what a test promises: for a law its description, for any other test by its kind.

    Raises:
        KeyError: there is no sentence for this kind of test yet.
    """
    if test["description"]:
        return f"{test['description'][0].upper()}{test['description'][1:]}."
    terms = test["test_metadata"]["kwargs"]
    model = manifest["nodes"][test["attached_node"]]["name"]
    column = terms.get("column_name")
    columns = ", ".join(terms.get("columns", []))
    field, to = terms.get("field"), terms.get("to", "").split("'")[1:2]
    return {
        "not_null": f"Every row of {model} has a {column}.",
        "complete": f"Every row of {model} has a value in {columns}.",
        "unique": f"No two rows of {model} have the same {column}.",
        "unique_together": f"No two rows of {model} have the same {columns}.",
        "relationships": f"Every {column} of {model} is a {field} of {' '.join(to)}.",
        "accepted_values": f"Every {column} of {model} is one of {', '.join(terms.get('values', []))}.",
    }[test["test_metadata"]["name"]]
