"""Names that a file system allows, and a warehouse that lies in the oddest of them."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import uid
from golden.world import CONFIRM, EXPORTS, made_once, warehouse

ODDEST = " -[prod] *'\"$HOME%s=1 ü😀;&(@),~:`!|<>^+%20"


@dataclass(frozen=True)
class OddlyPlaced:
    """A warehouse in the oddest directory, beside another that it could be taken for."""

    folder: Path

    @property
    def exports_dir(self) -> Path:
        """What was delivered."""
        return self.folder / (ODDEST + "{{ x }} #?\\")

    @property
    def warehouse_dir(self) -> Path:
        """What came of it."""
        return self.folder / ODDEST

    @property
    def dagster_home(self) -> Path:
        """What Dagster recorded of the run."""
        return self.folder / "[home] #"

    @property
    def said(self) -> str:
        """What the run printed."""
        return (self.folder / "said").read_text()

    def warehouse(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Ask the command about it."""
        return warehouse(
            *words, EXPORTS_DIR=str(self.exports_dir), WAREHOUSE_DIR=str(self.warehouse_dir),
            DAGSTER_HOME=str(self.dagster_home),
        )  # fmt: skip


def in_the_oddest_directory(tmp_path_factory: pytest.TempPathFactory) -> OddlyPlaced:
    """The golden nights, run once for all processes; copy them before you disturb them.

    The first sect_tags hold a duplicate, a superseded and a rejected row, too.
    """
    return OddlyPlaced(made_once(tmp_path_factory, "odd", _run))


def _run(folder: Path) -> None:
    odd = OddlyPlaced(folder)
    shutil.copytree(EXPORTS, odd.exports_dir)
    tags = odd.exports_dir / "sect_tags" / "2026-01-01" / "part-0000.csv"
    more = (
        f"{uid(19, 1)},basement,active,{uid(2, 1)},2025-01-01 00:00:00,2025-01-01 00:00:00",
        f"{uid(19, 2)},d-beat,active,{uid(2, 1)},2025-01-02 00:00:00,2025-01-02 00:00:00",
        f"{uid(19, 9)},lost,no such status,{uid(2, 1)},2025-01-02 00:00:00,2025-01-02 00:00:00",
    )
    tags.write_text(tags.read_text() + "".join(f"{line}\n" for line in more))
    meant = folder / ODDEST.replace("[prod]", "p").replace("*", "")
    (meant / "raw" / "users" / "2026-01-01").mkdir(parents=True)
    (meant / "raw" / "users" / "2026-01-01" / "rows.parquet").write_text("not read")
    run = odd.warehouse("run", *CONFIRM)
    # The golden nights hold one refused delivery.
    assert run.returncode == 4, run.stdout + run.stderr
    (folder / "said").write_text(run.stdout)
