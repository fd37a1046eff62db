"""Shows who uses the published tables, at the end of the lineage: the exposures of the dbt project."""

import dagster as dg
from dagster_dbt import get_asset_key_for_model

from orchestration.assets.models import warehouse_models
from orchestration.build.manifest import manifest


def exposures() -> list[dg.AssetSpec]:
    """An external asset for each exposure. Nothing in this project makes it."""
    nodes = manifest()["nodes"]
    return [
        dg.AssetSpec(
            ["exposure", exposure["name"]],
            group_name="exposures",
            kinds={exposure["type"]},
            owners=[exposure["owner"]["email"]],
            description=exposure["description"],
            deps=[
                get_asset_key_for_model([warehouse_models()], nodes[unique_id]["name"])
                for unique_id in exposure["depends_on"]["nodes"]
                if unique_id in nodes
            ],
        )
        for exposure in manifest()["exposures"].values()
    ]
