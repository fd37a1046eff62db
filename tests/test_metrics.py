"""The registry of metrics: it accounts for all that the platform asks for, and for all that is published."""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest
from metric_worlds import write_world
from worlds import World, directories, ingest_nights

from orchestration.build.manifest import manifest
from orchestration.build.publication import published_tables
from orchestration.lists import LISTS
from orchestration.raw.kept import CELLS_PER_DEGREE
from orchestration.settings import PROJECT_DIR

# What the platform's instrumentation framework asks for, row by row.
ASKED_FOR = Path(__file__).with_name("metrics_catalogue.csv")
SEEDS = PROJECT_DIR / "seeds"
LATER = {"artist_timeline", "member_profile", "scene_week"}  # tables that do not exist yet
# Where metrics are columns: the columns of each.
COLUMNS = {
    "activity_score": {"activity_points": "points_7d points_30d points_90d points_all_time"},
    "plot_statistics": {
        "active_sects": "active_sects",
        "active_tracks": "active_tracks",
        "activity_points": "activity_score_7d activity_score_30d activity_score_all_time",
        "events_created": "events_this_week",
        "gps_verified_users": "gps_verified_users",
        "members": "members",
        "scope_community_count": "scope_community_count",
        "signal_actions": "signal_actions_7d",
        "total_members": "total_members",
    },
    "scene_map": {
        "active_sects": "active_sects",
        "active_tracks": "active_tracks",
        "active_users": "active_users_7d active_users_30d",
        "events_this_month": "events_this_month",
        "flag_colour_band": "flag_colour_band_7d flag_colour_band_30d",
        "flag_size_band": "flag_size_band_7d flag_size_band_30d",
        "members": "members",
        "scene_map_points": "centre_latitude centre_longitude events_created_7d",
        "total_members": "total_members",
    },
    "fair_play_metrics": {
        "active_new_count": "active_new_count",
        "tracks_in_main_rotation": "tracks_in_main_rotation",
        "tracks_in_new_releases": "tracks_in_new_releases",
    },
    "artist_analytics": {
        "adders": "adders",
        "artist_adds": "adds",
        "artist_attendance": "attendance",
        "artist_attendees": "attendees",
        "artist_blasts": "blasts",
        "artist_engagement_share": "engagement_share",
        "artist_repeat_attendees": "repeat_attendees",
        "awareness_union": "aware_people",
        "engagement_points": "engagement_points",
        "followers": "followers",
        "listens": "listens",
        "unique_listeners": "listeners",
    },
}
Row = dict[str, str]


def rows_of(file: Path) -> list[Row]:
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


def registry() -> list[Row]:
    return rows_of(SEEDS / "metric.csv")


def several(value: str) -> list[str]:
    """A field that lists several things."""
    return [part for part in value.split(";") if part]


def unanswered(asked_for: Iterable[Row], metrics: Iterable[Row]) -> set[str]:
    """What is asked for and no metric answers, and what is answered and nobody asked."""
    asked = {f"{row['section']}>{row['metric']}" for row in asked_for}
    return asked ^ {answer for row in metrics for answer in several(row["catalogue"])}


def test_every_row_that_the_platform_asks_for_is_answered_by_a_metric() -> None:
    assert len(rows_of(ASKED_FOR)) == 233
    assert unanswered(rows_of(ASKED_FOR), registry()) == set()


def test_a_row_that_no_metric_answers_is_named() -> None:
    metrics = [row for row in registry() if row["metric"] != "vote_gini"]
    assert unanswered(rows_of(ASKED_FOR), metrics) == {
        answer for row in registry() if row["metric"] == "vote_gini" for answer in several(row["catalogue"])
    }


@pytest.mark.parametrize("row", registry(), ids=lambda row: row["metric"])
def test_a_metric_says_what_its_status_must(row: Row) -> None:
    waits, is_partly = row["status"] == "waiting", row["status"] == "partly"
    assert row["status"] in ("built", "partly", "waiting")
    assert bool(row["missing"]) == waits or is_partly, "what it waits for"
    assert bool(row["surface"]) == (not waits), "where it is published"
    assert bool(row["coverage"]) == is_partly, "how much of it there is"
    assert set(several(row["surface"])) <= set(published_tables(manifest()).values()) | LATER


@pytest.mark.parametrize("row", registry(), ids=lambda row: row["metric"])
def test_a_metric_asks_for_windows_tiers_and_audiences_that_there_are(row: Row) -> None:
    windows = {str(days) for days in LISTS["windows"]} | {"all", "point_in_time"}
    assert set(several(row["windows"])) <= windows
    assert set(several(row["tiers"])) <= {*LISTS["tiers"], "none"}
    audiences = several(row["audience"])
    assert len(audiences) in (1, len(several(row["subject_type"])))
    assert set(audiences) <= {"public", "artist", "member", "internal"}


def test_every_published_table_says_who_may_see_it() -> None:
    """A table that holds what only an artist or a member may see is not for all."""
    audiences = {
        node["name"]: set(several(node["config"]["meta"]["audience"]))
        for node in manifest()["nodes"].values()
        if "published" in node["config"].get("tags", [])
    }
    assert audiences.keys() == set(published_tables(manifest()).values())
    assert set().union(*audiences.values()) == {"public", "artist", "member", "internal"}
    for table, audience in audiences.items():
        kinds = {"artist_analytics": "artist", "analytics_summary": "scene artist track sect event"}
        held = {
            who
            for row in registry()
            if table in several(row["surface"])
            for kind, who in zip(several(row["subject_type"]), several(row["audience"]), strict=False)
            if kind in kinds.get(table, "scene sect")
        }
        assert held - {"public"} <= audience, table


def test_a_cohort_that_is_the_lesser_of_two_says_so() -> None:
    """The floor knows by its name that nobody in it is not nobody at all."""
    computed = {
        metric
        for model in (PROJECT_DIR / "models" / "analytics" / "metrics").glob("*.sql")
        for metric in re.findall(r"'name': '(\w+)'[^}]*'cohort': 'least\(", model.read_text())
    }
    named = {row["metric"] for row in registry() if row["cohort"].startswith("the lesser of ")}
    assert len(computed) > 3
    assert named == computed | {"engagement_change_after_event"}


def test_every_threshold_is_one_of_a_metric() -> None:
    thresholds = rows_of(SEEDS / "metric_threshold.csv")
    assert len(thresholds) > 20
    assert {row["metric"] for row in thresholds} <= {row["metric"] for row in registry()}


def test_cells_of_the_map_are_made_of_whole_cells_that_are_kept() -> None:
    """Ingestion keeps cells of 0.05 degrees: others could not be told from them."""
    thresholds = rows_of(SEEDS / "metric_threshold.csv")
    (degrees,) = (Decimal(row["value"]) for row in thresholds if row["threshold"] == "cell_degrees")
    assert degrees > 0
    assert degrees % (Decimal(1) / CELLS_PER_DEGREE) == 0


def without_a_window(ratios: Iterable[Row]) -> set[str]:
    """The ratios that divide what holds on the night by what happened in a window."""
    parts = {row["metric"] for row in rows_of(SEEDS / "metric_part.csv") if row["is_point_in_time"] == "true"}
    of_the_night = parts | {row["metric"] for row in registry() if row["windows"] == "point_in_time"}
    return {
        row["metric"]
        for row in ratios
        if row["numerator"] in of_the_night and row["denominator"] not in of_the_night
    }


def test_what_holds_on_the_night_is_divided_by_no_number_of_a_window() -> None:
    assert without_a_window(rows_of(SEEDS / "metric_ratio.csv")) == set()


def test_a_ratio_of_the_wrong_way_round_is_found() -> None:
    wrong = {"metric": "artists_per_event", "numerator": "artists", "denominator": "events_created"}
    assert without_a_window([*rows_of(SEEDS / "metric_ratio.csv"), wrong]) == {"artists_per_event"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A random world to which every table was delivered, where nothing is withheld."""
    config = directories(tmp_path_factory.mktemp("metrics"))
    ingest_nights(config, confirmed=write_world(config.exports_dir, 1))
    made = World()
    made.load(config)
    made.connection.execute("update privacy_floor set floor_people = 0")
    made.build()
    return made


def test_a_metric_has_just_the_windows_and_tiers_of_its_line(world: World) -> None:
    """What can only be a row where something is divided, or where there is a subject, may lack some."""
    lines = {row["metric"]: row for row in registry()}
    found: dict[str, tuple[set[str], set[str]]] = {}
    for row in world.rows("analytics_summary"):
        now = "point_in_time" if row["is_point_in_time"] else "all"
        windows, tiers = found.setdefault(row["metric"], (set(), set()))
        windows.add(str(row["window_days"] or now))
        tiers.add(row["tier"])
    assert len(found) > 150
    for metric, (windows, tiers) in found.items():
        line = lines[metric]
        assert windows <= set(several(line["windows"])), metric
        assert tiers <= set(several(line["tiers"])), metric
        if line["unit"] == "count" and "scene" in line["subject_type"]:
            assert windows == set(several(line["windows"])), metric
            assert tiers == set(several(line["tiers"])), metric


def test_a_metric_is_where_its_line_says_and_nowhere_else(world: World) -> None:
    for surface in ("analytics_summary", "analytics_breakdown"):
        asked_for = {row["metric"] for row in registry() if surface in several(row["surface"])}
        assert {row["metric"] for row in world.rows(surface)} == asked_for


@pytest.mark.parametrize("surface", COLUMNS)
def test_a_table_of_columns_holds_what_the_lines_name(world: World, surface: str) -> None:
    asked_for = {row["metric"] for row in registry() if surface in several(row["surface"])}
    assert set(COLUMNS[surface]) == asked_for
    columns = set(world.rows(surface)[0])
    assert {column for held in COLUMNS[surface].values() for column in held.split()} <= columns


def test_what_no_model_computes_waits_for_a_table_that_does_not_exist_yet() -> None:
    for row in registry():
        if row["status"] != "waiting" and not row["computed_by"]:
            assert set(several(row["surface"])) <= LATER | {"scope"}, row["metric"]


def test_coverage_is_a_share_in_the_row_of_what_is_partly_built(world: World) -> None:
    partly = {row["metric"] for row in registry() if row["status"] == "partly"}
    rows = world.rows("metric_value")
    covered = {row["metric"] for row in rows if row["coverage"] is not None}
    assert covered == partly & {row["metric"] for row in rows}
    assert all(0 <= row["coverage"] <= 1 for row in rows if row["coverage"] is not None)


def test_an_event_that_a_number_is_about_has_a_name(world: World) -> None:
    events = {row["subject_id"] for row in world.rows("analytics_summary where subject_type = 'event'")}
    assert events
    assert events <= {row["subject_id"] for row in world.rows("subject where subject_type = 'event'")}


def test_what_lies_nowhere_has_no_map(world: World) -> None:
    unscoped = {row["scope_id"] for row in world.rows("scope where is_unscoped")}
    mapped = {row["scope_id"] for row in world.rows("scene_map")}
    assert len(mapped) > 5
    assert mapped & unscoped == set()


def test_additive_metrics_add_up_in_each_tier(world: World) -> None:
    additive = {row["metric"]: row for row in registry() if row["is_additive"] == "true"}
    sums: dict[tuple[str, str, object, object], float] = defaultdict(float)
    for row in world.rows("metric_value where subject_type = 'scene' and bucket is null"):
        if row["metric"] in additive:
            sums[row["metric"], row["tier"], row["window_days"], row["is_point_in_time"]] += row["value"]
    for (metric, tier, window, now), total in sums.items():
        whole = sums[metric, "platform", window, now]
        assert total == whole, (metric, tier, window)
    assert len({metric for metric, *_ in sums}) > 40


# Shares that make up a whole together, each with what is the same of all of one whole.
SHARES = {
    "artist_engagement_share": ("metric_value", "value", "subject_id, metric_value.tier, window_days"),
    "share_of_state_engagement": ("metric_value", "value", "state, music_community, window_days"),
    "share_of_state_votes": ("metric_value", "value", "state, music_community, window_days"),
    "sect_share_of_tags": ("metric_value", "value", "scope_id"),
    "engagement_share": ("artist_analytics", "engagement_share", "artist_band_id, window_days"),
}


def wholes(world: World, share: str) -> list[float]:
    """What the shares of each whole add up to."""
    table, column, whole = SHARES[share]
    relation = world.connection.table(table)
    if table == "metric_value":
        relation = relation.join(world.connection.table("scope"), "scope_id").filter(f"metric = '{share}'")
    found = relation.filter(f"{column} is not null").aggregate(f"sum({column})", whole).fetchall()
    return [total for (total,) in found]


@pytest.mark.parametrize("share", SHARES)
def test_shares_of_a_whole_add_up_to_one(world: World, share: str) -> None:
    assert len(wholes(world, share)) > 1
    assert wholes(world, share) == pytest.approx([1] * len(wholes(world, share)))


@pytest.mark.parametrize("share", SHARES)
def test_a_share_too_many_is_found(world: World, share: str) -> None:
    table, column, _ = SHARES[share]
    of_metric = f"metric = '{share}'" if table == "metric_value" else "true"
    with world.undone():
        world.connection.execute(
            f"insert into {table} from {table} where {of_metric} and {column} > 0 limit 1"
        )
        assert wholes(world, share) != pytest.approx([1] * len(wholes(world, share)))
