"""The second answers, by hand: small exports whose numbers a reader can work out."""

import csv
import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from metric_oracle import ORACLE, Night
from metric_oracle.base import MadeUp
from metric_oracle.events import cell_of
from metric_oracle.places import centre_of, map_points
from metric_worlds import write_world

from orchestration.settings import PROJECT_DIR

# pandas at work, which a tracer slows down by half; what it calls of ours is covered elsewhere.
pytestmark = pytest.mark.no_cover

LAST = dt.date(2026, 3, 31)  # so as-of is April 1; a window of 7 days begins with March 25
EVE = LAST - dt.timedelta(days=1)
Rows = list[dict[str, Any]]

# Two scenes of Texas and one of Ohio, all punk; the rotation of Texas and of the nation.
COMMUNITIES = [
    {
        "id": "a",
        "tier": "city",
        "city": "Austin",
        "state": "Texas",
        "musicCommunity": "punk",
        "memberCount": 3,
    },
    {
        "id": "b",
        "tier": "city",
        "city": "Dallas",
        "state": "Texas",
        "musicCommunity": "punk",
        "memberCount": 4,
    },
    {"id": "c", "tier": "city", "city": None, "state": "Ohio", "musicCommunity": "punk", "memberCount": 5},
    {"id": "texas", "tier": "state", "city": None, "state": "Texas", "musicCommunity": "punk"},
    {"id": "nation", "tier": "national", "city": None, "state": None, "musicCommunity": "punk"},
]
USERS = [{"id": user, "homeSceneId": scene} for user, scene in (("ann", "a"), ("bob", "a"), ("cy", "b"))]


def night(**tables: "Rows | dict[dt.date, Rows]") -> Night:
    """A night of these tables; rows that are not given by night come with the last one."""
    tables = {"communities": COMMUNITIES, "users": USERS} | tables
    return MadeUp(LAST, {name: t if isinstance(t, dict) else {LAST: t} for name, t in tables.items()})


def found(night: Night, metric: str, column: str = "value", **where: Any) -> dict[Any, Any]:
    """What the metric says by scope: the scene, or else state or tier; unscoped has a `-`."""
    said = {}
    for row in ORACLE[metric](night):
        if all(row[name] == value for name, value in where.items()):
            name = row["scene_id"] or row["state"] or row["tier"]
            key = f"-{name}" if row["is_unscoped"] else name
            assert key not in said
            said[key] = row[column]
    return said


def at(text: str) -> str:
    """A time in 2026: month, day and what follows."""
    return f"2026-{text}"


def numbered(rows: Rows) -> Rows:
    """The rows, each with an id."""
    return [{"id": f"row {number}"} | row for number, row in enumerate(rows)]


# Rotation


def entry(
    key: str, scene: str = "a", entered: str = "03-01", graduated: str | None = None, **more: Any
) -> dict:
    main = graduated is not None
    return {
        "id": key, "trackId": more.pop("trackId", key), "sceneId": scene, "newWindowDays": 14,
        "enteredPoolAt": at(entered), "createdAt": at(entered),
        "graduatedAt": at(graduated) if main else None,
        "pool": "MAIN_ROTATION" if main else "NEW_RELEASES",
    } | more  # fmt: skip


def test_a_stay_ends_with_the_first_night_without_the_entry() -> None:
    left, stays = entry("left", graduated="03-10 23:59"), entry("stays", graduated="03-21")
    back = entry("back", graduated="03-02")
    nights = {
        dt.date(2026, 3, 11): [left, back],
        dt.date(2026, 3, 20): [back],
        dt.date(2026, 3, 25): [stays],
        LAST: [stays, back],
    }
    world = night(rotation_entries=nights)
    # left: March 10 to 20, so 10 days. back: March 2 to 25, 23 days, though it is there again.
    # stays: 10 days, to March 31.
    assert found(world, "main_rotation_days_avg", "numerator", window_days=90)["a"] == 10 + 23 + 10
    assert found(world, "main_rotation_days_median", window_days=90)["a"] == 10
    assert found(world, "main_rotation_days_avg", "coverage", window_days=90)["a"] == pytest.approx(2 / 3)
    # From March 1, when they were made, to the last nights: left 10, stays 30, back 30.
    assert found(world, "longest_rotation_days")["a"] == 30
    assert found(world, "longest_rotation_days", "coverage")["a"] == pytest.approx(2 / 3)


def test_a_removal_counts_by_scope_and_is_seen_by_two_snapshots() -> None:
    world = night(
        rotation_entries={
            dt.date(2026, 3, 24): [entry("1"), entry("2", trackId="song"), entry("3", "b", trackId="song")],
            dt.date(2026, 3, 25): [entry("3", "b", trackId="song")],
            LAST: [],
        }
    )
    removed = found(world, "songs_removed", window_days=7)
    # Track 1 leaves both; the song leaves Austin first, and Texas only with Dallas. Each counts once.
    assert (removed["a"], removed["b"], removed["Texas"], removed["c"]) == (2, 1, 2, 0)
    # March 25 is the first day of the window, and compared with the night before it, outside.
    assert found(world, "songs_removed", "coverage", window_days=7)["a"] == pytest.approx(2 / 7)


def test_the_new_window_is_over_exactly_at_as_of() -> None:
    world = night(
        rotation_entries=[
            entry("due, in", entered="03-18", graduated="03-31 23:59:59.999"),
            entry("due, out", entered="03-18"),
            entry("due, later", entered="03-17", graduated="04-01"),
            entry("not due", entered="03-18 00:00:00.001", graduated="03-20"),
        ]
    )
    assert found(world, "new_window_survival_share", "numerator", window_days=30)["a"] == 1
    assert found(world, "new_window_survival_share", "denominator", window_days=30)["a"] == 3


def test_what_is_new_has_entered_and_is_not_in_the_main_rotation() -> None:
    odd = {"pool": "MAIN_ROTATION"}
    world = night(
        rotation_entries=[
            entry("new"), entry("odd") | odd, entry("later", graduated="04-01"), entry("main",
            graduated="03-31"),
            entry("to come", entered="04-01"),
        ]
    )  # fmt: skip
    # "new", and "later", which graduates at as-of itself.
    assert found(world, "active_new_count")["a"] == 2
    assert found(world, "new_window_days")["a"] == 14
    assert "b" not in found(world, "new_window_days")


def test_settings_change_when_two_delivered_nights_differ() -> None:
    def config(low: Any, hours: int) -> Rows:
        return [{"id": "1", "scope": "global", "newWindowBandLow": low, "voteCooldownHours": hours}]

    nights = {
        dt.date(2026, 2, 1): config(1, 1),
        dt.date(2026, 3, 2): config(2, 1),  # the first day of the window
        dt.date(2026, 3, 9): config(2, 9),  # another setting
        LAST: config(None, 9),
    }
    (row,) = ORACLE["new_window_config_changes"](night(fair_play_config=nights))
    assert (row["value"], row["coverage"], row["tier"]) == (2, pytest.approx(3 / 30), None)


def test_a_wait_is_never_below_zero_and_needs_the_scene_of_the_schedule() -> None:
    decks = [
        {
            "id": "1",
            "trackId": "1",
            "communityId": "a",
            "requestedFor": at("03-08 23:59"),
            "createdAt": at("01-01"),
        },
        {
            "id": "2",
            "trackId": "2",
            "communityId": "a",
            "requestedFor": at("03-20"),
            "createdAt": at("01-01"),
        },
        {"id": "3", "trackId": "3", "communityId": "b", "requestedFor": None, "createdAt": at("03-01")},
    ]
    entries = [entry(key, entered="03-10 00:01") for key in ("1", "2", "3")] + [entry("4", "b", trackId="3")]
    world = night(rotation_entries=entries, release_deck_schedules=decks)
    # Two days, and none; the third is scheduled in Dallas, where it entered the day it was asked for.
    assert found(world, "release_wait_days_avg", "numerator", window_days=90)["a"] == 2
    assert found(world, "release_wait_days_avg", "denominator", window_days=90) == {
        "a": 2, "b": 1, "c": 0, "-city": 0, "Ohio": 0, "Texas": 3, "-state": 0, "national": 3, "-national": 0,
        "platform": 3,
    }  # fmt: skip


# Tiers


def test_songs_come_from_the_scene_of_their_track_in_the_place_of_the_entry() -> None:
    tracks = [
        {"id": "1", "communityId": "a", "artistBandId": "x"},  # from Texas
        {"id": "2", "communityId": "c", "artistBandId": "x"},  # from Ohio, plays in Austin, too
        {"id": "3", "communityId": None, "artistBandId": None},
        {"id": "4", "communityId": "b", "artistBandId": "x"},
    ]
    entries = [entry(f"texas {key}", "texas", trackId=key) for key in "123"]
    entries += [entry("nation 2", "nation", trackId="2"), entry("2", "a", trackId="2")]
    gone = [entry("texas 4", "texas", trackId="4"), *entries]
    world = night(tracks=tracks, rotation_entries={EVE: gone, LAST: entries})
    advanced = found(world, "songs_advanced_to_state", window_days=90)
    assert {scope for scope, count in advanced.items() if count} == {"a", "Texas", "national", "platform"}
    # Of three entries one is of Texas, one plays there, and one has come from nowhere.
    assert found(world, "songs_advanced_to_state", "coverage", window_days=90)["a"] == pytest.approx(2 / 3)
    assert found(world, "songs_advanced_to_state", "coverage", window_days=90)["-city"] is None
    assert found(world, "national_songs_from_here")["Ohio"] == 1
    # Track 4 is not there any more, but was.
    assert found(world, "artist_songs_in_state", subject_id="x") == {"Texas": 3}
    assert found(world, "artist_songs_in_nation", subject_id="x") == {"Ohio": 1}
    # Of what entered in Austin, which is track 2, all reached the state.
    assert found(world, "city_to_state_ratio", window_days=None)["a"] == 1


# Events


def event(
    key: str, scene: str, starts: str, ends: str | None = None, band: str | None = "x", **more: Any
) -> dict:
    return {
        "id": key, "communityId": scene, "startDate": at(starts), "endDate": at(ends or starts),
        "createdAt": at("01-01"), "createdById": "ann", "artistBandId": band, "latitude": 30.3,
        "longitude": -0.05,
    } | more  # fmt: skip


def test_a_tour_has_two_cities_and_no_gap_above_fourteen_days() -> None:
    events = [
        event("1", "a", "01-01"), event("2", "b", "01-15"), event("3", "a", "01-29"),  # one tour
        event("4", "a", "02-12 00:00:00.001"), event("5", "c", "02-20"),
         # no tour: the second city has no name
        event("6", "a", "03-20"), event("7", "b", "04-01"),  # no tour: the second is still to come
    ]  # fmt: skip
    world = night(events=events, artist_bands=[{"id": "x", "homeSceneId": "b", "createdAt": at("01-01")}])
    # The tour is Dallas's, where the band lives, and began exactly 90 days before as-of.
    assert found(world, "tours", window_days=90, subject_type="scene") == {
        "a": 0, "b": 1, "c": 0, "-city": 0, "Ohio": 0, "Texas": 1, "-state": 0, "national": 1, "-national": 0,
        "platform": 1,
    }  # fmt: skip
    assert set(found(world, "tours", window_days=90, subject_id="x")) == {
        "b",
        "Texas",
        "national",
        "platform",
    }
    assert found(world, "tours", window_days=30, subject_type="scene")["b"] == 0


def test_an_attendance_belongs_to_the_home_of_its_earliest_row() -> None:
    homes = {EVE: [{"id": "ann", "homeSceneId": "a"}], LAST: [{"id": "ann", "homeSceneId": "b"}]}
    came = [
        {"eventId": "1", "userId": "ann", "method": "manual", "checkedInAt": at("03-29 09:00")},
        {"eventId": "1", "userId": "ann", "method": "qr_scan", "checkedInAt": at("03-30 21:00")},
        {"eventId": "1", "userId": "ann", "method": "location", "checkedInAt": at("03-31 01:00")},
        {"eventId": "2", "userId": "ann", "method": "location", "checkedInAt": at("03-31 02:00")},
    ]
    events = [event("1", "c", "03-30 20:00"), event("2", "c", "03-30 23:00"), event("3", "c", "03-29")]
    bands = [{"id": "x", "homeSceneId": "c", "createdAt": at("01-01")}]
    world = night(users=homes, events=events, event_attendances=numbered(came), artist_bands=bands)
    assert found(world, "artist_attendance", window_days=90) == {
        "a": 1, "b": 1, "Texas": 2, "national": 2, "platform": 2
    }  # fmt: skip
    # The last of all was in Dallas; all attendees are of both scenes, as each row has its day.
    assert found(world, "artist_repeat_attendees", window_days=90) == {
        "b": 1, "Texas": 1, "national": 1, "platform": 1
    }  # fmt: skip
    assert found(world, "artist_attendees", window_days=90)["a"] == 1
    # Two attendances at three events, on two days of one scene.
    assert found(world, "artist_attendance_per_event", window_days=90)["c"] == pytest.approx(2 / 3)
    assert found(world, "artist_attendance_per_visit", window_days=90)["c"] == 1
    assert found(world, "verified_attendance", window_days=7, subject_type="scene")["c"] == 2


def test_the_change_after_an_event_takes_both_spans_from_their_first_instant() -> None:
    times = {
        "03-03 20:00": 2, "03-17 19:59:59.999": 1,  # before, of which the first is its first instant
        "03-17 20:00": 3,  # while it lasts
        "03-18 00:00": 3, "03-31 23:59:59.999": 3,  # after
    }  # fmt: skip
    kinds = ("skip", "partial", "majority", "full")
    listens = [
        {"userId": "ann", "trackId": "1", "score": score, "type": kinds[score], "createdAt": at(time)}
        for time, score in times.items()
    ]
    events = [event("1", "a", "03-17 20:00", "03-18 00:00"), event("2", "a", "03-18 00:00:00.001")]
    events += [event("3", "a", "03-10", band=None)]
    tracks = [{"id": "1", "artistBandId": "x"}]
    world = night(events=events, tracks=tracks, track_engagements=numbered(listens))
    # The second event ended less than 14 days ago, and the third names nobody.
    assert found(world, "engagement_change_after_event") == {"a": 3 + 3 - 2 - 1}
    assert found(world, "engagement_change_after_event", "coverage")["a"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("degrees", "cell"),
    [(0.3, 3), (0.7, 7), (30.3, 303), (30.299999, 302), (-0.05, -1), (-0.1, -1), (-0.3, -3)],
)
def test_cells_are_divided_as_decimals(degrees: float, cell: int) -> None:
    assert cell_of(degrees) == cell


# Sects


def sects_world() -> Night:
    """A sect of two holders, both in bands; three bands of Austin, one of them in rotation."""
    bands = [{"id": band, "homeSceneId": "a", "createdAt": at("01-01")} for band in ("x", "y", "z")]
    members = [("x", "ann"), ("y", "ann"), ("y", "bob"), ("z", "gone")]
    tracks = [
        ("1", "x", 1000, "ready"),
        ("2", "y", 100, "ready"),
        ("3", "y", 300, "failed"),
        ("4", "y", 200, "ready"),
    ]
    laid = [
        ("s", "ann", "01-05"), ("s", "bob", "03-25"), ("s", "cy", "04-01"), ("s", "gone", "01-05"),
        ("t", "ann", "03-30"), ("no sect", "bob", "01-05"),
    ]  # fmt: skip
    return night(
        artist_bands=bands,
        artist_band_members=numbered([{"artistBandId": band, "userId": user} for band, user in members]),
        tracks=[
            {"id": key, "artistBandId": band, "duration": seconds, "status": status, "communityId": "a"}
            for key, band, seconds, status in tracks
        ],
        rotation_entries=[entry("2"), entry("5")],
        sect_tags=[
            {
                "id": "s",
                "name": " Doom",
                "status": "active",
                "parentCommunityId": "a",
                "createdAt": at("01-01"),
            },
            {
                "id": "t",
                "name": "doom",
                "status": "active",
                "parentCommunityId": "b",
                "createdAt": at("03-30"),
            },
        ],
        user_tags=numbered([{"sectTagId": s, "userId": u, "createdAt": at(t)} for s, u, t in laid]),
    )


def test_a_holder_is_there_now_and_laid_the_tag_before_as_of() -> None:
    world = sects_world()
    assert found(world, "sect_members") == {"a": 2, "b": 1}  # Ann and Bob; Ann holds the other one, too
    # Bob joined in the window, Ann before it.
    assert found(world, "sect_growth_rate", window_days=30) == {"a": 1, "b": None}
    assert found(world, "sect_share_of_tags") == {"a": 1, "b": 1}
    assert found(world, "sect_name_population", bucket="doom")["Texas"] == 2
    # The one name there is is that of sects in two scenes of punk, and so it is in Austin's share, too.
    assert found(world, "sect_name_population", "coverage", bucket="doom")["a"] == 1


def test_a_sect_comes_nearer_by_its_sources_and_their_seconds() -> None:
    world = sects_world()
    # Bands x and y; of 5 sources 2, and of 2700 seconds 900 (1000 are cut) and 300.
    assert found(world, "sect_threshold_progress")["a"] == pytest.approx(2 / 5)
    assert found(world, "sect_artists")["a"] == 2
    assert found(world, "sect_artists", "coverage")["a"] == pytest.approx(2 / 3)
    # Only y is in rotation, with Ann and Bob; song 5 names no artist.
    assert found(world, "sect_artists_in_rotation")["a"] == 1
    assert found(world, "sect_artists_in_rotation", "cohort_size")["a"] == 2
    # Both bands have Ann, who holds two sects.
    assert found(world, "artists_cross_sect_share")["a"] == 1
    assert found(world, "sects_near_threshold")["a"] == 0


# Audience


def test_bands_begin_at_their_edges() -> None:
    listens = [("ann", "1", 1), ("bob", "1", 0), ("ann", "2", 2), ("bob", "2", 2)]
    adds = [("ann", "x"), ("cy", "x")]
    kinds = ("skip", "partial", "majority", "full")
    world = night(
        tracks=[{"id": "1", "artistBandId": "x"}, {"id": "2", "artistBandId": "y"}],
        artist_bands=[{"id": band, "homeSceneId": "a"} for band in ("x", "y")],
        track_engagements=numbered([
            {"userId": user, "trackId": track, "type": kinds[score], "score": score, "createdAt": at("03-30")}
            for user, track, score in listens
        ]),
        signals=[{"id": band, "type": "song", "metadata": {"artistBandId": band}} for band in ("x",
        "nobody")],
        signal_actions=numbered([
            {"userId": user, "signalId": signal, "type": "ADD", "createdAt": at("03-30")}
            for user, signal in [*adds, ("ann", "nobody")]
        ]),
    )  # fmt: skip
    # x has 1 point and y has 4, of 2 listeners: 0.5 is the second edge, 2 the third.
    assert found(world, "badge_size_band", window_days=30, subject_id="x")["a"] == 3
    assert found(world, "badge_size_band", window_days=30, subject_id="y")["a"] == 4
    # One adder of x's two listeners is 0.5. Cy adds in Dallas, where nobody listens.
    assert found(world, "badge_colour_band", window_days=30) == {
        "a": 4, "Texas": 4, "national": 4, "platform": 4
    }  # fmt: skip
    # Ann's other add names nobody, in Austin half of them.
    assert found(world, "artist_adds", "coverage", window_days=30) == {
        "a": 0.5, "b": 1, "Texas": pytest.approx(2 / 3), "national": pytest.approx(2 / 3),
        "platform": pytest.approx(2 / 3),
    }  # fmt: skip
    assert found(world, "engagement_density_index", window_days=30, subject_id="x")["a"] == 1
    # Everybody is at home in scopes that hold the artist's scene.
    assert found(world, "cross_scene_listeners", window_days=30) == {}
    # Aware of x are Ann, who listens, and Cy, who does not.
    assert found(world, "awareness_union", window_days=30)["Texas"] == 2
    assert found(world, "awareness_share", window_days=30)["Texas"] == pytest.approx(1 / 2)
    assert ORACLE["awareness_all_three"](world) == []  # no attendance was ever delivered


# Places


def test_points_are_drawn_for_each_city_or_state_there_is() -> None:
    # POINT(-97.5 30.25) and POINT(-96.5 32.25) of SRID 4326
    geofence = "0101000020E610000000000000006058C00000000000403E40"
    assert centre_of(geofence) == (30.25, -97.5)
    austin, dallas, *others = COMMUNITIES
    there = [austin | {"geofence": geofence}, dallas, *others]
    world = night(communities=there, events=[event("1", "a", "04-01", createdAt=at("03-25"))])
    assert found(world, "scene_map_points") == {"a": 1, "b": 1, "c": 1, "Texas": 2, "Ohio": 1, "national": 2}
    texas = next(
        scope for scope in world.scopes if scope.tier == "state" and scope.place_of["state"] == "Texas"
    )
    in_austin, in_dallas = map_points(world, texas)
    assert (in_austin["members"], in_austin["events_created"], in_austin["latitude"]) == (3, 1, 30.25)
    assert (in_dallas["members"], in_dallas["latitude"]) == (4, None)


def test_a_month_is_that_of_the_last_day() -> None:
    starts = ("02-28 23:59:59", "03-01", "03-31 23:59:59", "04-01")
    events = [event(str(number), "a", start) for number, start in enumerate(starts)]
    assert found(night(events=events), "events_this_month")["a"] == 2


# Whole worlds


def test_where_nothing_was_delivered_nothing_is_said_of_artists_or_sects() -> None:
    rows = [row for metric in ORACLE for row in ORACLE[metric](night())]
    assert {row["subject_type"] for row in rows} == {"scene"}
    assert {row["value"] for row in rows if row["metric"] in ("artists", "tours", "songs_ever_national")} == {
        0
    }


def registry() -> dict[str, dict[str, str]]:
    with (PROJECT_DIR / "seeds" / "metric.csv").open(newline="") as lines:
        return {row["metric"]: row for row in csv.DictReader(lines)}


@pytest.mark.seeds(2, 20)
def test_what_is_additive_adds_up_to_the_platform(seed: int, tmp_path: Path) -> None:
    nights = write_world(tmp_path, seed)
    world = Night(tmp_path, nights[-1])
    additive = [
        metric for metric, row in registry().items()
        if metric in ORACLE and row["is_additive"] == "true" and "platform" in row["tiers"]
    ]  # fmt: skip
    assert len(additive) > 20
    for metric in additive:
        rows = pd.DataFrame(ORACLE[metric](world))
        if rows.empty:
            continue
        of = ["subject_type", "subject_id", "window_days", "bucket"]
        sums = rows.groupby([*of, "tier"], dropna=False)["value"].sum().unstack("tier").fillna(0)
        for tier in ("city", "state", "national"):
            assert (sums[tier] == sums["platform"]).all(), (metric, tier)
