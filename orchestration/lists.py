"""The lists that both the models and this package read: the `vars` of dbt_project.yml, and the laws."""

from typing import Any

import yaml

from orchestration.settings import PROJECT_DIR

LISTS: dict[str, Any] = yaml.safe_load((PROJECT_DIR / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]

# Their names, as dbt knows them.
LAWS = {path.stem for path in (PROJECT_DIR / "tests" / "laws").glob("*.sql")}
