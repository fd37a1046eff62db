"""The one place that knows all directories and limits.

Every directory and limit can be set by an environment variable of the name given here. MEMORY_LIMIT bounds
DuckDB everywhere; what does not fit spills to the warehouse directory. ENGINE builds the models, and
SPARK_MASTER says where Spark is, as spark-submit understands it. WAREHOUSE_OWNER is the person to ask
about any asset; until it is set, the one in models/owners.yml is used.

The SQL lies at the top of the repository; in an installed wheel it lies inside the package. By default a
clone keeps its data in its own `data/`. Nothing is written where a wheel is installed: it keeps its data in
`data/` of the current directory.

Settings of another dbt project have no say here. Reading the settings removes every variable `DBT_...`, so
none reaches a dbt that is started. The command removes those of Dagster, too, except DAGSTER_HOME.
"""

import math
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PACKAGE_DIR = Path(__file__).resolve().parent
IS_INSTALLED = (PACKAGE_DIR / "project").is_dir()
PROJECT_DIR = PACKAGE_DIR / "project" if IS_INSTALLED else PACKAGE_DIR.parent
# The variables that other programs must not see.
SECRETS = ("ERASURE_KEY", "ALERT_WEBHOOK")
# What can build the models. DuckDB publishes them, whichever it was.
ENGINES = ("duckdb", "spark")
MEMORY = re.compile(r"\d+(\.\d+)? ?[KMGT]i?B", re.IGNORECASE)
# Characters that no part of a directory's path may hold, and the program that would misread them. All others
# work.
UNPRINTABLE = (r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", "what is no printable text", "a message or a log,")
UNUSABLE = {
    "EXPORTS_DIR": (UNPRINTABLE,),
    "WAREHOUSE_DIR": (
        UNPRINTABLE,
        (r"[?#]", "? or #", "DuckDB or dbt, which end the name there,"),
        (r"\\", "a backslash", "DuckDB, which takes it for the end of a folder's name,"),
        (r"[{}]", "{ or }", "dbt, which puts something in their place,"),
    ),
    "DAGSTER_HOME": (
        UNPRINTABLE,
        (r"\?", "?", "Dagster, which ends the name there,"),
        (r"%[0-9a-fA-F]{2}", "% before two digits", "Dagster, which puts a character in their place,"),
    ),
}
ADDRESS = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}")  # what Dagster takes for an address


class UsageError(Exception):
    """The user asked for something impossible; the message says what is possible."""


class HinderedError(Exception):
    """It could not be done. The message says what hinders it."""


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
    owner: str = ""
    engine: str = "duckdb"
    spark_master: str = "local[*]"

    @property
    def raw_dir(self) -> Path:
        """Validated Parquet, per table and night."""
        return self.warehouse_dir / "raw"

    @property
    def incoming_dir(self) -> Path:
        """Where a night is prepared before it is moved into raw. It is emptied at every start."""
        return self.warehouse_dir / "incoming"

    @property
    def building_dir(self) -> Path:
        """Where dbt builds. The next build deletes what a broken-off build leaves here."""
        return self.warehouse_dir / "building"

    @property
    def building_file(self) -> Path:
        """The database in which dbt builds."""
        return self.building_dir / self.warehouse_file.name

    @property
    def dbt_dir(self) -> Path:
        """What dbt leaves of the last build."""
        return self.warehouse_dir / "dbt"

    @property
    def spark_dbt_dir(self) -> Path:
        """What dbt leaves of the part of the last build that ran on Spark."""
        return self.dbt_dir / "spark"

    @property
    def spark_tables_dir(self) -> Path:
        """Where Spark writes its tables, as Parquet, until they are in the database."""
        return self.building_dir / "spark"

    @property
    def spark_process(self) -> Path:
        """Where the process that builds on Spark is written down."""
        return self.building_dir / "spark.pid"

    @property
    def run_results(self) -> Path:
        """Where dbt says what the last build found."""
        return self.dbt_dir / "run_results.json"

    @property
    def parsed_dir(self) -> Path:
        """The project as dbt parsed it: dbt's own place in a clone, which every warehouse may share."""
        return self.dbt_dir / "parsed" if IS_INSTALLED else PROJECT_DIR / "target"

    @property
    def warehouse_file(self) -> Path:
        """The private database of the last completed build."""
        return self.warehouse_dir / "warehouse.duckdb"

    @property
    def published_file(self) -> Path:
        """The database that analysts query."""
        return self.warehouse_dir / "analytics.duckdb"

    @property
    def publications_dir(self) -> Path:
        """The last publications, by as-of date and run."""
        return self.warehouse_dir / "publications"

    @property
    def product_dir(self) -> Path:
        """The product's tables as Parquet, in a folder for each publication that is kept."""
        return self.warehouse_dir / "product"

    @property
    def product_manifest(self) -> Path:
        """What says which of these folders is published."""
        return self.product_dir / "manifest.json"

    @property
    def site_dir(self) -> Path:
        """The pages for people: a link to the folder of the last site that was written whole."""
        return self.warehouse_dir / "site"

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
        """The pages of comparisons, and the files that a replay spills while it runs."""
        return self.warehouse_dir / "what_if"

    @property
    def fingerprints_file(self) -> Path:
        """The fingerprints of the delivered parts."""
        return self.warehouse_dir / "fingerprints"

    @property
    def as_published_file(self) -> Path:
        """How everything looked when all that was delivered was published."""
        return self.warehouse_dir / "as_published.json"

    @property
    def dbt_log(self) -> Path:
        """What Dagster and dbt print while `warehouse run` runs them."""
        return self.warehouse_dir / "dbt.log"

    @property
    def last_run_file(self) -> Path:
        """The record of the last nightly run."""
        return self.warehouse_dir / "last_run.json"

    @property
    def lock_file(self) -> Path:
        """The lock file, held by the one run that may write."""
        return self.warehouse_dir / "lock"


def settings() -> Settings:
    """Read the environment. It is called whenever it is needed, so that no changed variable is missed.

    Raises:
        UsageError: a variable has an impossible value.
    """
    forget_variables("DBT_")
    data = (here() if IS_INSTALLED else PROJECT_DIR) / "data"
    warehouse_dir = _directory("WAREHOUSE_DIR", data / "warehouse")
    memory_limit = os.environ.get("MEMORY_LIMIT") or "2GB"
    if not MEMORY.fullmatch(memory_limit):
        raise UsageError(f"MEMORY_LIMIT is {memory_limit!r}; write a size such as 500MB or 2GB")
    owner = os.environ.get("WAREHOUSE_OWNER") or ""
    if owner and not ADDRESS.fullmatch(owner):
        raise UsageError(f"WAREHOUSE_OWNER is {owner!r}; write an e-mail address")
    engine = os.environ.get("ENGINE") or "duckdb"
    if engine not in ENGINES:
        raise UsageError(f"ENGINE is {engine!r}; write {' or '.join(ENGINES)}")
    return Settings(
        exports_dir=_directory("EXPORTS_DIR", data / "exports"),
        warehouse_dir=warehouse_dir,
        dagster_home=_directory("DAGSTER_HOME", warehouse_dir / "dagster"),
        max_rejected_rows=_number("MAX_REJECTED_ROWS", 10, least=0),
        max_rejected_share=_number("MAX_REJECTED_SHARE", 0.01, least=0, most=1),
        max_departed_share=_number("MAX_DEPARTED_SHARE", 0.01, least=0, most=1),
        max_unpacked_bytes=_number("MAX_UNPACKED_BYTES", 8 << 30, least=1),
        publications_kept=_number("PUBLICATIONS_KEPT", 7, least=1),
        erasure_key=os.environ.get("ERASURE_KEY") or "",
        memory_limit=memory_limit,
        owner=owner,
        engine=engine,
        spark_master=os.environ.get("SPARK_MASTER") or "local[*]",
        alert_command=os.environ.get("ALERT_COMMAND") or "",
        alert_webhook=os.environ.get("ALERT_WEBHOOK") or "",
    )


def forget_variables(prefix: str, *kept: str) -> None:
    """Remove the variables of other projects from the environment."""
    for name in [name for name in os.environ if name.startswith(prefix) and name not in kept]:
        del os.environ[name]


def here() -> Path:
    """The current directory.

    Raises:
        UsageError: the directory is gone.
    """
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise UsageError("the current directory was deleted; change to one that is there") from error


def _directory(name: str, default: Path) -> Path:
    try:
        directory = (here() / (os.environ.get(name) or default)).resolve()
    except RuntimeError as error:  # the links lead in a circle
        raise UsageError(f"{name}: {error}") from error
    for unusable, what, whom in UNUSABLE[name]:
        if re.search(unusable, str(directory)):
            raise UsageError(
                f"{name} is {str(directory)!a}; {what} in a name there would mislead {whom} "
                "so choose another directory"
            )
    return directory


def _number(name: str, default: float, least: float, most: float = math.inf) -> Any:
    """The number of a variable: a whole number if its default is one."""
    text = os.environ.get(name) or default
    kind = "whole number" if isinstance(default, int) else "number"
    bounds = f"of at least {least}" if most == math.inf else f"from {least} to {most}"
    try:
        number = type(default)(text)
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise UsageError(f"{name} is {text!r}; write a {kind} {bounds}")
    return number
