"""The one place that knows where things lie and how much bad data is too much.

Every directory and limit can be set by an environment variable of the name given here. MEMORY_LIMIT bounds
DuckDB, in ingestion, dbt and publication alike; what does not fit spills to the warehouse directory.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

PROJECT_DIR = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """Directories and limits of one warehouse."""

    exports_dir: Path
    warehouse_dir: Path
    dagster_home: Path
    max_rejected_rows: int
    max_rejected_share: float
    max_departed_share: float
    max_unpacked_bytes: int
    publications_kept: int
    erasure_key: str = field(default="", repr=False)
    alert_command: str = ""
    alert_webhook: str = field(default="", repr=False)
    memory_limit: str = "2GB"

    @property
    def raw_dir(self) -> Path:
        """Validated Parquet, per table and night."""
        return self.warehouse_dir / "raw"

    @property
    def incoming_dir(self) -> Path:
        """Where a night is prepared before it is swapped into raw; emptied at every start."""
        return self.warehouse_dir / "incoming"

    @property
    def building_dir(self) -> Path:
        """Where dbt builds. What a broken-off build leaves here is thrown away by the next one."""
        return self.warehouse_dir / "building"

    @property
    def warehouse_file(self) -> Path:
        """The private database of the last completed build."""
        return self.warehouse_dir / "warehouse.duckdb"

    @property
    def published_file(self) -> Path:
        """The database analysts query."""
        return self.warehouse_dir / "analytics.duckdb"

    @property
    def publications_dir(self) -> Path:
        """The last publications, by as-of date and run."""
        return self.warehouse_dir / "publications"

    @property
    def key_file(self) -> Path:
        """The installation's key for pseudonyms, unless ERASURE_KEY gives it."""
        return self.warehouse_dir / "key"

    @property
    def erased_file(self) -> Path:
        """The pseudonyms in force: the source `raw.erased`."""
        return self.raw_dir / "erased.parquet"

    @property
    def what_if_dir(self) -> Path:
        """The pages of comparisons, and what a replay spills while it runs."""
        return self.warehouse_dir / "what_if"

    @property
    def lock_file(self) -> Path:
        """Held by the one run that may write."""
        return self.warehouse_dir / "lock"


def settings() -> Settings:
    """Read the environment: called whenever needed, so that a changed variable is never missed."""
    data = PROJECT_DIR / "data"
    warehouse_dir = Path(os.environ.get("WAREHOUSE_DIR") or data / "warehouse").resolve()
    return Settings(
        exports_dir=Path(os.environ.get("EXPORTS_DIR") or data / "exports").resolve(),
        warehouse_dir=warehouse_dir,
        dagster_home=Path(os.environ.get("DAGSTER_HOME") or warehouse_dir / "dagster").resolve(),
        max_rejected_rows=int(os.environ.get("MAX_REJECTED_ROWS") or 10),
        max_rejected_share=float(os.environ.get("MAX_REJECTED_SHARE") or 0.01),
        max_departed_share=float(os.environ.get("MAX_DEPARTED_SHARE") or 0.01),
        max_unpacked_bytes=int(os.environ.get("MAX_UNPACKED_BYTES") or 8 << 30),
        publications_kept=int(os.environ.get("PUBLICATIONS_KEPT") or 7),
        erasure_key=os.environ.get("ERASURE_KEY") or "",
        memory_limit=os.environ.get("MEMORY_LIMIT") or "2GB",
        alert_command=os.environ.get("ALERT_COMMAND") or "",
        alert_webhook=os.environ.get("ALERT_WEBHOOK") or "",
    )
