"""Every number of a metric is worked out a second time, from its definition alone, and both agree."""

import csv
import datetime as dt
from pathlib import Path

import pandas as pd
import pytest
from metric_oracle import ORACLE, answers
from metric_oracle.base import KEY, NUMBERS_OF_A_ROW, Night
from metric_worlds import write_world
from worlds import World, directories, ingest_nights

from orchestration.settings import PROJECT_DIR

# pandas at work, which a tracer slows down by half; what it calls of ours is covered elsewhere.
pytestmark = pytest.mark.no_cover

COLUMNS = [*KEY, *NUMBERS_OF_A_ROW]


def published(world: World) -> pd.DataFrame:
    """The numbers of a world before any is withheld, by place; the subject of a scene's row is its scope."""
    found = world.connection.execute(
        """
        select
            numbers.metric, numbers.subject_type,
            case when numbers.subject_type <> 'scene' then numbers.subject_id end::varchar as subject_id,
            numbers.tier, scope.scene_id::varchar as scene_id, scope.state, scope.city, scope.music_community,
            scope.is_unscoped, numbers.window_days, numbers.bucket,
            value, numerator, denominator, coverage, cohort_size
        from metric_value as numbers
        inner join scope using (scope_id)
        """
    ).df()
    return plain(found)


def plain(rows: pd.DataFrame) -> pd.DataFrame:
    """Keys as texts, so that nothing and no number are told apart; rows without a value are no rows."""
    rows = rows[rows["value"].notna()].copy()
    windows = rows["window_days"].astype(float)
    rows["window_days"] = windows.map(lambda days: "" if pd.isna(days) else str(int(days)))
    for column in KEY:
        rows[column] = rows[column].map(lambda part: "" if pd.isna(part) else str(part))
    rows[list(NUMBERS_OF_A_ROW)] = rows[list(NUMBERS_OF_A_ROW)].astype(float)
    return rows[COLUMNS]


def differences(world: World, night: Night) -> pd.DataFrame:
    """The rows that one has and the other lacks, or in which a number differs."""
    # What is of one person alone is in no summary: `test_trends.py` looks at it in the profile.
    summed = "select metric from known_metric where subject_type <> 'member'"
    known = {metric for (metric,) in world.connection.sql(summed).fetchall()}
    ours = published(world)
    theirs = plain(answers(night, sorted(known & set(ORACLE))))
    ours = ours[ours["metric"].isin(set(ORACLE))]
    both = ours.merge(theirs, on=list(KEY), how="outer", suffixes=("", "_answer"), indicator="found_in")
    differs = both["found_in"] != "both"
    for column in NUMBERS_OF_A_ROW:
        one, other = both[column], both[f"{column}_answer"]
        close = (one - other).abs() <= 1e-9 * other.abs().clip(lower=1)
        differs |= ~(close | (one.isna() & other.isna()))
    return both[differs]


def test_every_metric_that_a_model_computes_is_worked_out_a_second_time() -> None:
    """But for points, which `tests/oracles.py` works out, and weeks: `tests/trend_oracle.py`."""
    with (PROJECT_DIR / "seeds" / "metric.csv").open(newline="") as seed:
        computed = {row["metric"]: row["computed_by"] for row in csv.DictReader(seed) if row["computed_by"]}
    of_points = {metric for metric, model in computed.items() if model == "activity_points"}
    assert of_points == {"activity_points", "contributors"}
    of_weeks = {metric for metric, model in computed.items() if model == "artist_timeline"}
    assert len(of_weeks) == 5
    assert computed.keys() - of_points - of_weeks - ORACLE.keys() == set()


@pytest.mark.seeds(2, 12)
def test_every_metric_is_what_its_definition_says(seed: int, tmp_path: Path) -> None:
    config = directories(tmp_path)
    nights = write_world(config.exports_dir, seed)
    as_of_date: dt.date = ingest_nights(config, confirmed=nights)
    world = World()
    world.load(config)
    world.build()
    assert world.broken(config) == {}
    found = differences(world, Night(config.exports_dir, as_of_date))
    assert found.empty, found.to_string(max_rows=20)
