"""The nights that are measured: the first, a quiet, a late, a corrected one, a departure, nothing new."""

import json
from pathlib import Path

from bench.measure import Took, warehouse
from bench.year import AFTER, HISTORY, deliver, night_of, spread, write_year


class Year:
    """A warehouse that lives through a year and the nights after it.

    Attributes:
        engagements: about how many there are.
        directory: the warehouse; its exports lie in it.
        nights: what each run took, by what it was for.
        first_size: bytes of the warehouse's database after the first run.
        dbt_seconds: what dbt took in the first run for models, seeds and tests.
    """

    def __init__(self, folder: Path, engagements: int, form: str, *, in_a_night: bool = True) -> None:
        """Write the exports anew.

        Args:
            folder: where.
            engagements: about how many.
            form: csv or parquet.
            in_a_night: whether the year is delivered in one night; else in a night for each day, all at once.
        """
        self.engagements, self._form = engagements, form
        self.directory = folder / f"{engagements}_{form}{'' if in_a_night else '_in_365_nights'}"
        self._exports = write_year(self.directory, engagements, form)
        if not in_a_night:
            spread(self.directory, form)
        self.nights: dict[str, Took] = {}
        self.first_size, self.dbt_seconds = 0, 0.0

    def begin(self) -> None:
        """Run the job from the beginning."""
        self.nights["beginning"] = self._run("--as-of", HISTORY.isoformat())
        self.first_size = self.bytes("warehouse.duckdb")
        self.dbt_seconds = self._dbt_seconds("dbt")

    def begin_on_spark(self) -> float:
        """Let Spark build what the first run built; the seconds that dbt took on Spark."""
        arguments = ("--as-of", HISTORY.isoformat(), "--engine", "spark")
        self.nights["beginning on Spark"] = self._run(*arguments)
        return self._dbt_seconds("dbt/spark")

    def go_on(self) -> None:
        """Run it night by night, then once with nothing new."""
        for kind in AFTER:
            deliver(self.directory, kind, self._form)
            self.nights[kind] = self._run("--as-of", night_of(kind).isoformat())
        self._run()  # was told of no night, so that the next can rest on what it looked at
        self.nights["nothing new"] = self._run()

    def bytes(self, name: str) -> int:
        """The size of a file or a folder of the warehouse."""
        path = self.directory / name
        return sum(file.stat().st_size for file in [path, *path.rglob("*")] if file.is_file())

    def _dbt_seconds(self, folder: str) -> float:
        results = json.loads((self.directory / folder / "run_results.json").read_bytes())
        return float(results["elapsed_time"])

    def _run(self, *arguments: str) -> Took:
        return warehouse("run", *arguments, exports=self._exports, directory=self.directory)
