"""What the tests of the last build found, as dbt wrote it down, and how that is said."""

import json
from typing import Any

from orchestration.lists import LAWS
from orchestration.settings import Settings

HOLDS_SINCE = "holds since run"


def found(config: Settings) -> dict[str, dict[str, Any]]:
    """The result of every test in the last build, by dbt's name of the test. A failed test ends a build."""
    file = config.run_results
    results = json.loads(file.read_bytes())["results"] if file.exists() else []
    return {result["unique_id"]: result for result in results if result["status"] in ("pass", "warn")}


def laws_since(config: Settings, run_id: str) -> dict[str, str]:
    """How each law has stood since the run that built the warehouse; a law without a result is left out."""
    by_name = {unique_id.split(".")[2]: result for unique_id, result in found(config).items()}
    return {
        law: in_words(passed=by_name[law]["status"] == "pass", warns=True, since=run_id)
        for law in sorted(LAWS & by_name.keys())
    }


def in_words(*, passed: bool, warns: bool, since: str | None) -> str:
    """How a law stands, and since which run if it was not looked at now."""
    if passed:
        return f"{HOLDS_SINCE} {since}" if since else "holds"
    if not warns:
        return "does not hold"
    return "found something (a warning)" + (f", as in run {since}" if since else "")
