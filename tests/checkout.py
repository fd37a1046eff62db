"""A copy of the project, which a test may change."""

import shutil
from pathlib import Path

from orchestration.settings import PROJECT_DIR


def copied_project(folder: Path, *more: str) -> Path:
    """What dbt builds from, and the other folders named, in a folder of its own."""
    for name in ("models", "macros", "seeds", "tests/laws", *more):
        shutil.copytree(PROJECT_DIR / name, folder / name)
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(PROJECT_DIR / name, folder)
    return folder
