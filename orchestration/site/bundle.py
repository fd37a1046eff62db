"""The script of the charts: Vega and every kind of chart, compiled once and kept for all sites."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

from orchestration.lists import LISTS
from orchestration.settings import Settings


def bundle(config: Settings) -> str:
    """Vega, and the compiled charts: one script for all pages.

    It depends on nothing that is published, so it is kept beside what dbt parsed, for every warehouse.
    """
    made_by = (
        Path(__file__).with_name("charts.py").read_bytes() + json.dumps(LISTS["activity_types"]).encode()
    )
    digest = hashlib.sha256(made_by).hexdigest()[:12]
    kept = config.parsed_dir / f"charts-{digest}-{version('vl-convert-python')}.js"
    if not kept.exists():
        from orchestration.site.charts import script  # a night that finds it kept does without Altair

        kept.parent.mkdir(parents=True, exist_ok=True)
        draft = kept.with_suffix(".new")
        draft.write_text(script(), encoding="utf-8")
        draft.replace(kept)
    return kept.read_text(encoding="utf-8")
