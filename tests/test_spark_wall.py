"""On Spark, too, rotation does not feel what people do, and points do not feel what they hear."""

from pathlib import Path

import pytest
from sides import WORLDS, require_apart, write_worlds
from spark_project import FOR_FEW_ROWS, is_missing, start

from orchestration.settings import PROJECT_DIR

MISSING = is_missing()
pytestmark = [pytest.mark.long, pytest.mark.skipif(bool(MISSING), reason=MISSING)]


def test_spark_keeps_either_side_of_the_wall_from_the_other(tmp_path: Path) -> None:
    confirm = [word for night in write_worlds(tmp_path, 0) for word in ("--confirm-departures", str(night))]
    warehouses = []
    for name in WORLDS:
        warehouses.append(tmp_path / f"warehouse of {name}")
        process = start(PROJECT_DIR, warehouses[-1], "spark", tmp_path / name, confirm, **FOR_FEW_ROWS)
        said, _ = process.communicate()
        assert process.returncode == 0, said
    require_apart(*warehouses)
