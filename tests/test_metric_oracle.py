"""The second answers to the metrics, worked out by hand where a definition is easy to get wrong."""

import datetime as dt
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from metric_oracle.base import ORACLE, MadeUp, Night, answers, median, pearson, read_part
from metric_oracle.musicians import played

# pandas at work, which a tracer slows down by half; what it calls of ours is covered elsewhere.
pytestmark = pytest.mark.no_cover

# As of is 31 January 00:00: 7 days begin on the 24th, the 7 before on the 17th; 30 days on 1 January.
DAY = dt.date(2026, 1, 30)
AUSTIN, HOUSTON, SALEM = "austin", "houston", "salem"
SCENES = [
    {"id": AUSTIN, "tier": "city", "city": "Austin", "state": "Texas", "musicCommunity": "punk"},
    {"id": HOUSTON, "tier": "city", "city": "Houston", "state": "Texas", "musicCommunity": "punk"},
    {"id": SALEM, "tier": "city", "city": "Salem", "state": None, "musicCommunity": "punk"},
    {"id": "texas", "tier": "state", "city": None, "state": "Texas", "musicCommunity": "punk"},
]
Rows = list[dict[str, Any]]


def night(homes: "dict[str, str | None] | None" = None, **tables: Any) -> MadeUp:
    """A night of these scenes, of people with these homes, and of rows; all delivered on that night alone."""
    people = [
        {"id": user, "homeSceneId": home, "createdAt": "2025-06-01"} for user, home in (homes or {}).items()
    ]
    delivered = {"communities": SCENES, "users": people} | tables
    nights = {table: rows if isinstance(rows, dict) else {DAY: rows} for table, rows in delivered.items()}
    return MadeUp(
        DAY, {table: {day: _with_ids(rows) for day, rows in n.items()} for table, n in nights.items()}
    )


def _with_ids(rows: Rows) -> Rows:
    return [{"id": f"row {number}"} | row for number, row in enumerate(rows)]


def listen(user: str, at: str, score: int = 3, track: str = "song", **more: Any) -> dict[str, Any]:
    kind = ("skip", "partial", "majority", "full")[score]
    return {"userId": user, "trackId": track, "createdAt": at, "type": kind, "score": score, **more}


def vote(user: str, at: str = "2026-01-25", track: str = "song", scene: str = AUSTIN) -> dict[str, Any]:
    return {"userId": user, "trackId": track, "sceneId": scene, "createdAt": at}


def rotation(*tracks: str, scene: str = AUSTIN) -> Rows:
    return [{"trackId": track, "sceneId": scene} for track in tracks]


def answer(of: Night, metric: str, window: "int | None" = None, **where: Any) -> dict[str, Any]:
    """The one row of the metric; of Austin, if nothing else is said."""
    wanted = {"subject_type": "scene", "bucket": None} | (where or {"scene_id": AUSTIN})
    rows = [
        row
        for row in ORACLE[metric](of)
        if row["window_days"] == window and all(row[part] == value for part, value in wanted.items())
    ]
    (row,) = rows
    return row


def test_a_window_holds_its_first_instant_and_not_its_last() -> None:
    # One point each, but for the last instant of the window before, which has 3.
    times = {
        "2026-01-16 23:59:59.999": 1,  # before the window before
        "2026-01-17 00:00:00.000": 1,  # first of the window before
        "2026-01-23 23:59:59.999": 3,  # last of the window before
        "2026-01-24 00:00:00.000": 1,  # first of the window
        "2026-01-30 23:59:59.999": 1,  # last of the window
        "2026-01-31 00:00:00.000": 1,  # as-of: waits
    }
    of = night({"ann": AUSTIN}, track_engagements=[listen("ann", *time) for time in times.items()])
    assert answer(of, "engagement_points", 7)["value"] == 2
    assert answer(of, "engagement_points")["value"] == 7
    # 2 points in the window, 4 before: -2 of 4.
    growth = answer(of, "engagement_growth_rate", 7)
    assert (growth["value"], growth["numerator"], growth["denominator"]) == (-0.5, -2, 4)


def test_growth_from_nothing_has_no_value_and_its_cohort_is_the_lesser() -> None:
    votes = [vote("ann"), vote("ben"), vote("ann", "2026-01-20"), vote("ann", "2026-01-21")]
    of = night(track_votes=votes)
    # 2 votes of 2 people, after 2 votes of 1.
    growth = answer(of, "vote_growth_rate", 7)
    assert (growth["value"], growth["cohort_size"]) == (0, 1)
    # 30 days hold all 4; there is none before.
    growth = answer(of, "vote_growth_rate", 30)
    assert (growth["value"], growth["numerator"], growth["denominator"]) == (None, 4, 0)


def test_votes_are_as_unequal_as_the_gini_coefficient_says() -> None:
    # Four songs in rotation with 0, 0, 1 and 3 votes: (-3)0 + (-1)0 + 1*1 + 3*3 = 10, of 4 * 4.
    votes = [vote("ann", track="c"), *(vote(user, track="d") for user in ("ann", "ben", "cat"))]
    # A vote for what is in no rotation, and one in another scene, are not looked at.
    others = [vote("dan", track="gone"), vote("dan", track="a", scene=HOUSTON)]
    of = night(track_votes=votes + others, rotation_entries=rotation("a", "b", "c", "d"))
    gini = answer(of, "vote_gini", 30)
    assert (gini["value"], gini["numerator"], gini["denominator"]) == (0.625, 10, 16)
    assert answer(of, "vote_gini", 30, scene_id=HOUSTON)["value"] is None


def test_the_median_of_an_even_number_of_songs_lies_between_two() -> None:
    # Points 0, 1, 4, 6 of people at home: (1 + 4) / 2. Ben is at home elsewhere.
    listens = [
        listen("ann", "2026-01-25", 1, "b"),
        *[listen("ann", "2026-01-25", 2, "c")] * 2,
        *[listen("ann", "2026-01-25", 3, "d")] * 2,
        listen("ben", "2026-01-25", 3, "a"),
    ]
    of = night(
        {"ann": AUSTIN, "ben": HOUSTON},
        track_engagements=listens, rotation_entries=rotation("a", "b", "c", "d"),
    )  # fmt: skip
    assert answer(of, "engagement_per_song_median", 7)["value"] == 2.5
    assert answer(of, "engagement_per_song_avg", 7)["value"] == 11 / 4
    # Edges 0, 1, 10: one song without points, three with less than 10.
    buckets = {r["bucket"]: r["value"] for r in ORACLE["songs_by_engagement"](of) if r["scene_id"] == AUSTIN}
    assert buckets == {"0": 1, "1": 3, "10": 0, "50": 0, "100": 0, "500": 0}
    assert median([]) is None
    assert median([3, 1, 2]) == 2


def test_who_is_active_elsewhere_has_not_churned() -> None:
    # Ann, Ben and Cat were active in Austin in December. In January Ann is at home in Houston and votes,
    # Ben is quiet, Cat votes, Dan is new.
    homes = {"ann": AUSTIN, "ben": AUSTIN, "cat": AUSTIN, "dan": AUSTIN}
    users = {
        day: [{"id": user, "homeSceneId": home} for user, home in there.items()]
        for day, there in ((dt.date(2025, 12, 1), homes), (dt.date(2026, 1, 1), homes | {"ann": HOUSTON}))
    }
    december = [listen(user, "2025-12-10") for user in ("ann", "ben", "cat")]
    votes = [vote("ann"), vote("cat"), vote("dan")]
    of = night(users=users, track_engagements=december, track_votes=votes)
    churn = answer(of, "churn_rate", 30)
    assert (churn["value"], churn["denominator"], churn["cohort_size"]) == (1 / 3, 3, 1)
    # In the window Cat and Dan are active at home in Austin; of them Cat was active before.
    assert answer(of, "returning_users", 30)["value"] == 1
    # Ann was active before in Austin; she returns where she is at home now.
    assert answer(of, "returning_users", 30, scene_id=HOUSTON)["value"] == 1
    assert answer(of, "churn_rate", 30, scene_id=HOUSTON)["value"] is None


def test_a_pair_is_one_follow_whatever_it_is_called() -> None:
    follows = [
        {"followerId": "ann", "entityType": kind, "entityId": "band", "createdAt": at}
        for kind, at in (("artist", "2026-01-25"), ("artistBand", "2026-01-26"), ("fan", "2026-01-27"))
    ] + [
        {"followerId": "ann", "entityType": "community", "entityId": AUSTIN, "createdAt": "2026-01-25"},
        {"followerId": "ben", "entityType": "label", "entityId": "label", "createdAt": "2026-01-25"},
    ]
    of = night(
        {"ann": AUSTIN, "ben": AUSTIN},
        follows=follows, artist_bands=[{"id": "band", "homeSceneId": HOUSTON}],
    )  # fmt: skip
    # Ann follows the band of Houston, and Austin; Ben something without a scene.
    assert answer(of, "follows", 7, scene_id=HOUSTON)["value"] == 1
    assert answer(of, "follows", 7)["value"] == 1
    assert answer(of, "follows", 7, tier="city", is_unscoped=True)["value"] == 1
    assert answer(of, "follows", 7, tier="platform")["value"] == 3
    # Ann has acted twice, Ben once.
    assert answer(of, "actions_per_member_avg", 7)["value"] == 3 / 2


def test_before_the_first_snapshot_of_a_person_the_first_known_home_counts() -> None:
    first, second = dt.date(2026, 1, 10), dt.date(2026, 1, 20)
    users = {
        first: [{"id": "ann", "homeSceneId": AUSTIN}, {"id": "ben", "homeSceneId": HOUSTON}],
        second: [{"id": "ann", "homeSceneId": HOUSTON}, {"id": "cat", "homeSceneId": AUSTIN}],
    }
    listens = [
        listen("ann", "2026-01-05"),  # before any snapshot: Austin
        listen("ann", "2026-01-19 23:59:59"),  # the night of the 10th still stands: Austin
        listen("ann", "2026-01-20 00:00:00"),  # the day of the second snapshot: Houston
        listen("ben", "2026-01-25"),  # gone since the 20th: Houston, as last known
        listen("cat", "2026-01-05"),  # first known on the 20th: Austin
        listen("dan", "2026-01-25"),  # in no snapshot: nowhere
    ]
    of = night(users=users, track_engagements=listens)
    assert answer(of, "listens", 30)["value"] == 3
    assert answer(of, "listens", 30, scene_id=HOUSTON)["value"] == 2
    assert answer(of, "listens", 30, tier="city", is_unscoped=True)["value"] == 1
    # Ann listened in both scenes: two people in Austin, two in Houston, three in Texas, four on the platform.
    assert answer(of, "active_users", 30)["value"] == 2
    assert answer(of, "active_users", 30, scene_id=HOUSTON)["value"] == 2
    assert answer(of, "active_users", 30, tier="state", state="Texas")["value"] == 3
    assert answer(of, "active_users", 30, tier="platform")["value"] == 4
    # Members as of the night are in the second snapshot.
    assert answer(of, "members")["value"] == 1


def test_a_home_scene_is_the_one_named_else_the_lowest_of_its_text() -> None:
    text = {"homeSceneCity": "Austin", "homeSceneState": "Texas", "homeSceneCommunity": "punk"}
    users = [
        {"id": "ann", "homeSceneId": HOUSTON, **text},
        {"id": "ben", "homeSceneId": "texas", **text},  # of tier state, so the text counts
        {"id": "cat", "homeSceneId": "gone"},  # known from a night before
        {"id": "dan"},
    ]
    gone = SCENES[0] | {"id": "gone", "city": "Waco"}
    twin = SCENES[0] | {"id": "aa"}  # the same place, of a lower id
    scenes = {dt.date(2026, 1, 1): [*SCENES, gone], DAY: [*SCENES, twin]}
    of = night(users=users, communities=scenes)
    homes = dict(zip(of.users["id"], of.users["home"], strict=True))
    assert homes == {"ann": HOUSTON, "ben": "aa", "cat": "gone", "dan": None}
    # The scene that is gone is a scope still; it is not among the communities of the night.
    assert answer(of, "members", scene_id="gone")["value"] == 1
    assert answer(of, "scope_community_count", scene_id="gone")["value"] == 0
    # Salem has no state: unscoped in the tier of states.
    assert answer(of, "scope_community_count", tier="state", is_unscoped=True)["value"] == 1


def test_a_session_is_as_long_as_the_listens_at_home_and_the_last_track() -> None:
    # Of Ann's two sessions one began before the window. The other runs over midnight, 600.9 seconds: 600 are
    # whole, and the longer of the two tracks that began last. Without a session id there is no session.
    listens = [
        listen("ann", "2026-01-23 23:59:00", sessionId="early"),
        listen("ann", "2026-01-24 00:01:00", track="long", sessionId="early"),
        listen("ann", "2026-01-26 23:55:00.000", track="long", sessionId="late"),
        listen("ann", "2026-01-27 00:05:00.900", track="short", sessionId="late"),
        listen("ann", "2026-01-27 00:05:00.900", track="unknown", sessionId="late"),
        listen("ann", "2026-01-28 00:00:00", track="long", sessionId=None),
        listen("ben", "2026-01-28 00:00:00", track="long", sessionId="late"),  # another person's session
    ]
    tracks = [{"id": "long", "duration": 900}, {"id": "short", "duration": 60.4}]
    of = night({"ann": AUSTIN, "ben": AUSTIN}, track_engagements=listens, tracks=tracks)
    minutes = answer(of, "session_minutes_avg", 7)
    # Ann 600 + 60.4, Ben 0 + 900 seconds; only hers has two rows.
    assert minutes["value"] == 1560.4 / 120
    assert (minutes["numerator"], minutes["denominator"], minutes["coverage"]) == (1560, 120, 0.5)
    # Three sessions have a listen in the window, of two listeners.
    assert answer(of, "sessions_per_listener_avg", 7)["value"] == 3 / 2
    # 7 * 3 of 7 * 2.
    assert answer(of, "sessions_per_listener_week", 7)["numerator"] == 21


def test_a_visitor_is_not_at_home_on_the_day() -> None:
    listens = [
        listen("ann", "2026-01-25"),
        *[listen("ben", f"2026-01-25 0{hour}:00") for hour in range(3)],
        listen("ben", "2026-01-26"),
        listen("nobody", "2026-01-26"),
        listen("ann", "2026-01-25", track="adrift"),
    ]
    tracks = [{"id": "song", "communityId": AUSTIN}, {"id": "adrift", "communityId": "texas"}]
    of = night({"ann": AUSTIN, "ben": HOUSTON}, track_engagements=listens, tracks=tracks)
    visitors = answer(of, "visitors", 7)
    # Ben and the one without a home; 6 of 7 listens are to a track of a scene.
    assert (visitors["value"], visitors["coverage"]) == (2, 6 / 7)
    # Ben on two days, the other on one, by 7 days of one member.
    assert answer(of, "visitor_density", 7)["value"] == 3 / 7
    assert answer(of, "visitor_to_local_ratio", 7)["value"] == 2
    # In Texas only the one without a home is a visitor.
    assert answer(of, "visitors", 7, tier="state", state="Texas")["value"] == 1


def test_net_growth_starts_from_the_eve_of_the_window_or_the_first_night_after() -> None:
    nights = {
        dt.date(2026, 1, 22): {"ann": AUSTIN},
        dt.date(2026, 1, 25): {"ann": AUSTIN, "ben": AUSTIN, "cat": HOUSTON},
        DAY: {"ben": AUSTIN, "cat": AUSTIN, "dan": AUSTIN},
    }
    users = {
        day: [{"id": user, "homeSceneId": home} for user, home in there.items()]
        for day, there in nights.items()
    }
    of = night(users=users)
    # The eve of the 7 days is the 23rd, when nothing arrived; since the 25th 2 members became 3: Ann left,
    # Cat and Dan came. 5 of 7 days are seen. In 30 days, from the 22nd on, Ann left and three came.
    growth = answer(of, "net_member_growth", 7)
    assert (growth["value"], growth["coverage"], growth["cohort_size"]) == (1, 5 / 7, 3)
    growth = answer(of, "net_member_growth", 30)
    assert (growth["value"], growth["coverage"], growth["cohort_size"]) == (2, 8 / 30, 4)


def test_whole_days_are_between_dates_and_new_people_are_those_of_the_window() -> None:
    users = [
        {"id": "ann", "homeSceneId": AUSTIN, "createdAt": "2026-01-10 23:59:59"},
        {"id": "ben", "homeSceneId": AUSTIN, "createdAt": "2026-01-10 00:00:00"},
        {"id": "cat", "homeSceneId": AUSTIN, "createdAt": "2025-01-01"},
    ]
    votes = [
        vote("ann", "2026-01-11 00:00:00"),
        vote("ann", "2026-01-20"),
        vote("cat", "2025-01-04", scene=SALEM),
    ]
    of = night(users=users, track_votes=votes)
    # Ann a second later and yet a day; Ben never; Cat after 3 days, but she is not new.
    assert answer(of, "days_to_first_vote_avg", 90)["value"] == 1
    assert answer(of, "days_to_first_vote_avg")["value"] == 2
    assert answer(of, "never_voted_share", 90)["value"] == 1 / 2


def test_bands_are_exact_at_their_edges() -> None:
    homes = {f"user {number}": AUSTIN for number in range(10)}
    # One of ten is active: 0.1 is an edge that is not above 0.1. 35 listens of 7 * 10 are 0.5.
    listens = [listen("user 0", "2026-01-25") for _ in range(35)]
    of = night(homes, track_engagements=listens)
    assert answer(of, "flag_colour_band", 7)["value"] == 2
    assert answer(of, "flag_size_band", 7)["value"] == 3
    assert not [row for row in ORACLE["flag_size_band"](of) if row["scene_id"] == HOUSTON]


def test_an_hour_with_many_listens_of_a_track_is_a_spike_of_both() -> None:
    # Three in one clock hour, and three in an hour but over the turn of it.
    times = ["05:00:00", "05:30:00", "05:59:59.999", "06:00:00", "06:30:00", "07:00:00"]
    listens = [listen("ann", f"2026-01-25 {time}", track="a") for time in times]
    of = night({"ann": AUSTIN}, track_engagements=listens)
    assert answer(of, "engagement_spikes", 7)["value"] == 1
    assert answer(of, "engagement_spikes", 7, scene_id=AUSTIN, subject_type="track")["subject_id"] == "a"


def test_blasts_and_listening_of_complete_weeks_are_correlated() -> None:
    # 90 days begin on Sunday 2 November; complete weeks run from Monday the 3rd to Sunday 25 January.
    artists = [{"id": "band", "homeSceneId": AUSTIN}]
    signals = [{"id": "signal", "communityId": AUSTIN, "metadata": json.dumps({"artistBandId": "band"})}]
    days = ["2025-11-03", "2025-11-09", "2025-12-01", "2026-01-26"]
    blasts = [
        {"id": day, "type": "BLAST", "userId": "ann", "signalId": "signal", "createdAt": day} for day in days
    ]
    listens = [
        listen("ann", "2025-11-04", 2, "song"),
        listen("nobody", "2025-12-07 23:59:59.999", 1, "song"),
        listen("ann", "2025-11-02", 3, "song"),
    ]
    of = night(
        {"ann": AUSTIN},
        artist_bands=artists, signals=signals, signal_actions=blasts, track_engagements=listens,
        tracks=[{"id": "song", "artistBandId": "band"}],
    )  # fmt: skip
    assert [str(monday.date()) for monday in of.weeks(90)][:: len(of.weeks(90)) - 1] == [
        "2025-11-03",
        "2026-01-19",
    ]
    # Blasts 2, 1 and points 2, 1 in the same two of twelve weeks.
    found = answer(of, "blast_engagement_correlation", 90)
    assert (found["value"], found["coverage"]) == (pytest.approx(1), 1)
    assert answer(of, "blast_engagement_correlation", 90, scene_id=HOUSTON)["value"] is None
    assert pearson([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)


def test_the_first_word_that_names_an_instrument_counts() -> None:
    words = {"bass": "bass", "bass drum": "drums", "vocals": "vocals"}
    assert played("Bass, vocals", words) == "bass"
    assert played("the BASS  drum and bass", words) == "drums"
    assert played("bassoon", words) is None
    assert played(None, words) is None


def test_a_night_is_read_as_the_contract_has_it(tmp_path: Path) -> None:
    def deliver(table: str, name: str, content: str, manifest: "dict[str, Any] | None" = None) -> Path:
        folder = tmp_path / table / "2026-01-30"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
        if manifest:
            (folder / "_manifest.json").write_text(json.dumps({"parts": {name: manifest}}))
        return folder / name

    # An empty field is null, an empty text is not; a quoted field may hold lines.
    part = deliver("users", "part-0000.csv", 'id,homeSceneId,bio\nann,,"a\n""b"""\nben,"",x\n')
    assert read_part(part)["homeSceneId"].isna().tolist() == [True, False]
    deliver("users", "part-0001.csv.tmp", "half")
    of = Night(tmp_path, DAY)
    assert of.table("users").empty  # no createdAt, which is never null
    assert of.table("tracks").empty  # never delivered
    assert not of.delivered("tracks")
    votes = "id,userId,trackId,sceneId,tier,createdAt\n1,ann,song,austin,city,2026-01-30 10:00:00\n"
    right = {"rows": 1, "sha256": hashlib.sha256(votes.encode()).hexdigest()}
    for manifest, nights in ((right, 1), (right | {"rows": 2}, 0), (right | {"sha256": "0"}, 0)):
        deliver("track_votes", "part-0000.csv", votes, manifest)
        assert len(Night(tmp_path, DAY).nights("track_votes")) == nights


def test_a_number_that_needs_a_table_has_no_row_until_it_has_arrived() -> None:
    of = night({"ann": AUSTIN})
    assert ORACLE["days_to_first_attendance_avg"](of) == []
    assert answer(of, "votes")["value"] == 0
    attendances: Rows = []
    of = night({"ann": AUSTIN}, event_attendances=attendances)
    assert answer(of, "days_to_first_attendance_avg")["value"] is None
    assert len(answers(of)) > len(ORACLE)
