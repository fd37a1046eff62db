"""The notebook of ten questions, run headless: it answers each, by what is published."""

import runpy
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from orchestration.settings import PROJECT_DIR

NOTEBOOK = PROJECT_DIR / "notebooks" / "ten_questions.py"


def test_the_notebook_answers_ten_questions(copied: Path) -> None:
    outputs, answers = runpy.run_path(str(NOTEBOOK))["app"].run()
    shown = " ".join(output.text for output in outputs if output is not None)
    assert [number for number in range(1, 12) if f"{number}. " in shown] == list(range(1, 11))
    tables = {name: answer for name, answer in answers.items() if isinstance(answer, pd.DataFrame)}
    assert [name for name, table in tables.items() if table.empty] == []
    with duckdb.connect(str(copied / "analytics.duckdb"), read_only=True) as connection:
        (points,) = connection.execute(
            """
            select points_30d from activity_score join publication using (as_of_date) where tier = 'platform'
            """
        ).fetchone()
        (rows,) = connection.execute(
            "select sum(rows_delivered) from row_account join publication on night = as_of_date"
        ).fetchone()
    assert tables["by_type"]["points_30d"].sum() == points
    assert tables["deliveries"]["delivered"].sum() == rows


@pytest.mark.usefixtures("copied")
def test_a_notebook_only_reads() -> None:
    _, answers = runpy.run_path(str(NOTEBOOK))["app"].run()
    with pytest.raises(duckdb.InvalidInputException, match="read-only"):
        answers["connection"].execute("drop table scope")
