"""Three nights delivered by hand give exactly the tables a person works out (tests/golden/README.md)."""

import datetime as dt
import shutil
import uuid
from pathlib import Path

import pytest
from conftest import Run, uid
from golden.world import (
    CONFIRM,
    EXPORTS,
    MARCH,
    WHOLE,
    Row,
    as_written,
    assert_same_rows,
    erased,
    expected,
    run_nightly,
)
from worlds import World, directories, ingest_nights

from orchestration.build.manifest import manifest
from orchestration.build.publication import published_tables

PLACE = ("tier", "state", "city", "music_community")
# Expected files of metrics with all that a row tells, and the fixture that holds their world.
METRICS = {"metrics_january": "unfloored", "metrics_march": "march"}


@pytest.fixture(scope="module")
def unfloored(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The golden nights where no number is withheld, however few people it is about."""
    return without_floor(EXPORTS, tmp_path_factory)


@pytest.fixture(scope="module")
def march(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The night in March, with what the golden nights lack, where no number is withheld either."""
    return without_floor(MARCH, tmp_path_factory)


def without_floor(exports_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    config = directories(tmp_path_factory.mktemp("unfloored"), exports_dir)
    ingest_nights(config, confirmed=[dt.date.fromisoformat(CONFIRM[1])])
    world = World()
    world.load(config)
    world.connection.execute("update privacy_floor set floor_people = 0")
    world.build()
    return world


def of_scenes(world: World) -> list[Row]:
    """The summary's rows about a scope as a whole."""
    return world.rows("analytics_summary where subject_type = 'scene'")


@pytest.mark.parametrize("table", WHOLE)
def test_a_published_table_is_what_was_worked_out_by_hand(golden: Run, table: str) -> None:
    assert_same_rows(golden.table(table), expected(table))


def test_an_artists_page_without_a_floor_is_what_was_worked_out(unfloored: World) -> None:
    assert_same_rows(unfloored.rows("artist_analytics"), expected("artist_analytics"))


def test_of_so_few_people_nearly_nothing_is_shown(golden: Run) -> None:
    """Of eleven members six listened in 90 days: only the platform as a whole has five people or more."""
    rows = golden.table("analytics_summary")
    listeners = {
        (row["tier"], row["window_days"]): row["value"]
        for row in rows
        if row["metric"] == "unique_listeners" and row["value"] is not None
    }
    assert {tier for tier, _ in listeners} == {"platform"}
    assert all(row["value"] is None for row in rows if row["is_suppressed"])
    assert [row for row in golden.table("artist_analytics") if row["listens"] is not None] == []


def test_every_scope_has_its_score_on_each_of_the_three_nights(golden: Run) -> None:
    wanted = expected("activity_score")
    nights = {row["as_of_date"] for row in wanted}
    assert_same_rows(
        [row for row in golden.table("activity_score") if str(row["as_of_date"]) in nights], wanted
    )


def test_points_lie_on_the_days_they_were_earned_and_on_no_other(golden: Run) -> None:
    score = golden.table("activity_score")
    assert_same_rows([row for row in score if row["points_on_day"]], expected("points_on_day"))
    # 34 days from the first award, 2025-12-01, to 2026-01-03.
    # 5 city, 4 state and 3 national scopes, and the platform.
    assert len(score) == 34 * (5 + 4 + 3 + 1)


def test_every_metric_of_every_scope_and_window_is_what_was_worked_out(unfloored: World) -> None:
    published = of_scenes(unfloored)
    wanted = unpivoted("analytics_summary_windows")
    assert len({row["metric"] for row in wanted}) == 17
    everything = {row["metric"] for row in wanted}
    assert_same_rows([row for row in published if row["metric"] in everything], wanted)


def test_what_holds_on_the_night_is_what_was_worked_out(unfloored: World) -> None:
    published = of_scenes(unfloored)
    wanted = unpivoted("analytics_summary_on_the_night")
    everything = {row["metric"] for row in wanted}
    assert_same_rows([row for row in published if row["metric"] in everything], wanted)


def test_the_skip_rate_is_skips_over_listens_of_each_scope(unfloored: World) -> None:
    wanted = {
        (*(row[column] for column in PLACE), row["window_days"]): (row["skips"], row["listens"])
        for row in expected("analytics_summary_windows")
    }
    found = {
        (*(row[column] for column in PLACE), as_written(row["window_days"])): row
        for row in of_scenes(unfloored)
        if row["metric"] == "skip_rate"
    }
    assert found.keys() == wanted.keys()
    for scope, (skips, listens) in wanted.items():
        row = found[scope]
        assert (row["numerator"], row["denominator"]) == (int(skips), int(listens))
        assert row["value"] == int(skips) / int(listens)


@pytest.mark.parametrize(
    ("name", "metric"),
    sorted({(name, row["metric"]) for name in METRICS for row in expected(name)}),
)
def test_a_metric_with_all_that_its_rows_tell_is_what_was_worked_out(
    name: str, metric: str, request: pytest.FixtureRequest
) -> None:
    world = request.getfixturevalue(METRICS[name])
    wanted = [
        {**row, "window_days": window}
        for row in expected(name)
        for window in row["window_days"].split()
        if row["metric"] == metric
    ]
    found = [
        {
            "bucket": None,
            **row,
            "subject_id": None if row["subject_type"] == "scene" else row["subject_id"],
            "window_days": "night" if row["is_point_in_time"] else row["window_days"] or "all",
        }
        for table in ("analytics_summary", "analytics_breakdown")
        for row in world.rows(f"{table} where metric = '{metric}'")
    ]
    assert_same_rows(found, wanted)


def test_every_section_and_subject_has_a_number_worked_out_by_hand(unfloored: World) -> None:
    in_full = [row for name in METRICS for row in expected(name)]
    assert {row["subject_type"] for row in in_full} == {"scene", "artist", "sect", "track", "event"}
    by_hand = {row["metric"] for row in in_full}
    for name in ("analytics_summary_windows", "analytics_summary_on_the_night"):
        by_hand |= expected(name)[0].keys()
    published = unfloored.rows(
        """
        metric
        where status in ('built', 'partly')
            and (surface like '%analytics_summary%' or surface like '%analytics_breakdown%')
        """
    )
    sections = {row["section"] for row in published}
    assert sections - {row["section"] for row in published if row["metric"] in by_hand} == set()


def test_the_total_is_955_however_it_is_added_up(golden: Run) -> None:
    """950 points of present members and the 5 of one who left: 955 in each tier."""
    assert golden.sql("select sum(points) from activity_point") == [(955,)]
    assert golden.sql("select sum(points_all_time) from user_activity") == [(950,)]
    assert golden.sql(
        """
        select tier, sum(points_all_time) from activity_score
        where as_of_date = date '2026-01-03' group by tier order by tier
        """
    ) == [("city", 955), ("national", 955), ("platform", 955), ("state", 955)]


def test_every_reason_there_can_be_under_this_policy_occurs(golden: Run) -> None:
    """The others need a policy that begins later or ends; unit tests of `decision` have one."""
    decisions = {row["decision"] for row in golden.table("activity_decision")}
    assert decisions == {
        "awarded",
        "not_verified",
        "unknown_member",
        "self_award",
        "duplicate_act",
        "source_capped",
        "daily_capped",
    }


def test_an_award_and_its_decision_have_one_id(golden: Run) -> None:
    ledger = golden.table("activity_point")
    awards = {row["activity_point_id"]: row for row in ledger if not row["reverses_activity_point_id"]}
    decisions = {row["activity_decision_id"]: row for row in golden.table("activity_decision")}
    assert awards.keys() == {act for act, decision in decisions.items() if decision["is_awarded"]}
    for act, award in awards.items():
        for column in ("rule_id", "source_table", "source_id", "user_id", "scene_id", "points"):
            assert award[column] == decisions[act][column]


def test_what_settles_ties_is_published_nowhere(golden: Run) -> None:
    """If the pseudonym of a present act were published, readers would recognise the act after its erasure."""
    published = {
        str(value)
        for table in published_tables(manifest()).values()
        for row in golden.table(table)
        for value in row.values()
    }
    sources = {str(row["source_id"]) for row in golden.table("activity_decision")}
    assert sources <= published
    assert published & {erased(source) for source in sources} == set()


def test_what_was_taken_back_points_at_what_it_takes_back(golden: Run) -> None:
    ledger = {row["activity_point_id"]: row for row in golden.table("activity_point")}
    (reversal,) = [row for row in ledger.values() if row["reverses_activity_point_id"]]
    award = ledger[reversal["reverses_activity_point_id"]]
    assert (award["points"], reversal["points"]) == (100, -100)
    assert str(award["source_id"]) == str(reversal["source_id"]) == uid(14, 3)
    for column in ("rule_id", "user_id", "scene_id", "policy_version"):
        assert award[column] == reversal[column]


def test_a_decision_names_the_delivery_that_brought_its_row(golden: Run) -> None:
    """The delivery belongs to the night and the table that the decision names."""
    assert golden.sql(
        """
        select count(*) from activity_decision as decision left join row_account as account
        on decision.delivery_id = account.delivery_id
        where account.night is distinct from decision.export_date
            or account.table_name is distinct from decision.source_table
        """
    ) == [(0,)]


def test_the_refused_delivery_says_why_and_leaves_the_last_good_events(golden: Run) -> None:
    ((reason,),) = golden.sql("select reason from row_account where status = 'refused'")
    assert "part-0000.csv" in reason
    assert "_manifest.json" in reason


def test_deliveries_and_scopes_have_ids_of_their_own(golden: Run) -> None:
    account = golden.table("row_account")
    assert len({row["delivery_id"] for row in account}) == len(account)
    score = golden.table("activity_score")
    assert len({row["scope_id"] for row in score}) == 13
    assert all(row["scope_id"] == row["scene_id"] for row in score if row["scene_id"])


def unpivoted(name: str) -> list[Row]:
    """One row per metric of an expected file that has one column per metric."""
    rows = expected(name)
    keys = [column for column in (*PLACE, "window_days") if column in rows[0]]
    return [
        {**{column: row.get(column) for column in (*PLACE, "window_days")}, "metric": metric, "value": value}
        for row in rows
        for metric, value in row.items()
        if metric not in keys
    ]


def test_a_night_read_again_is_built_and_published_anew_and_says_the_same(
    golden: Run, tmp_path: Path
) -> None:
    """A night may be read differently later, for example after a bug fix, although the delivery is the same.

    The first run had a wrong clock and a strange locale; this run has the usual surroundings.
    """
    warehouse_dir = shutil.copytree(golden.warehouse_dir, tmp_path / "warehouse")
    before = golden.table("publication")
    again = run_nightly(EXPORTS, warehouse_dir, nights=["2026-01-02"])
    assert again.success, again.message
    assert again.table("publication")[0]["run_id"] != before[0]["run_id"]
    for table in WHOLE:
        assert_same_rows(again.table(table), expected(table))


def row_of(world: World, table: str, **where: object) -> Row:
    """The one row with these values, as far as it is not asked for by them."""
    named = " and ".join(f"{name}::varchar = '{value}'" for name, value in where.items())
    (found,) = world.rows(f"(select * exclude ({', '.join(where)}) from {table} where {named})")
    return {name: str(value) if isinstance(value, uuid.UUID) else value for name, value in found.items()}


TULSA, REED, CANES = uid(2, 1), uid(3, 1), uid(4, 1)
WEEK = {"period": "week", "starts_on": "2026-03-23"}


def test_a_week_of_a_scene_is_what_was_worked_out(march: World) -> None:
    # Monday 23 to Sunday 29 March. At home in Tulsa: Ada, Bo, Cy, Di.
    assert row_of(march, "scene_week", scope_id=scope_of(march, TULSA), **WEEK) == {
        "tier": "city",
        # On the 29th Ada (3) and Bo (3) heard all of it, Cy skipped (0). Ed, Flo and Gil live elsewhere.
        "engagement_points": 6, "listens": 3, "full_listens": 2, "majority_listens": 0, "partial_listens": 0,
        "skips": 1, "listeners": 3,
        # The same three: Ada added and Bo blasted, too.
        "active_users": 3,
        "follows": None, "followers": None, "votes": None, "verified_attendance": None,  # never arrived
        # Accounts of June; the first users snapshot is that of 31 March, so nobody was verified before.
        "members": 4, "joined": 0, "departed": 0, "gps_verified_members": None,
        # Of Tulsa's signals 1 and 4: added by Ada on the 27th and Flo on the 28th, blasted by Bo and Ed.
        "adds": 2, "blasts": 2, "recommends": 0, "signal_actions": 4,
        # All were created before; Two Porches at Home ended on the 25th.
        "events_created": 0, "events_hosted": 1,
        # On the 29th entries 1 (Cane) and 2 (Steps) were in it, both graduated.
        "songs_entered_rotation": 0, "songs_in_rotation": 2, "active_new_count": 0,
        # Bo's blast, 5. Ed's counts in Norman, where he lives.
        "activity_points": 5,
    }  # fmt: skip


# Cane in that week: Ed, Ada, Bo and Gil in full (4 x 3), Flo most (2), Ed a part (1), Cy skipped (0).
CANE = {
    "engagement_points": 15, "listens": 7, "full_listens": 4, "majority_listens": 1, "partial_listens": 1,
    "skips": 1, "listeners": 6,
}  # fmt: skip


def test_a_week_of_an_artist_and_of_a_track_is_what_was_worked_out(march: World) -> None:
    # Nobody heard Marsh, the other track of Reed, in that week. No signal names Reed.
    assert row_of(march, "artist_week", tier="platform", artist_band_id=REED, **WEEK) == {
        "scope_id": scope_of(march, None), "artist_name": "Reed", **CANE, "adds": 0, "adders": 0, "blasts": 0,
        "followers": None, "attendance": None, "attendees": None,
    }  # fmt: skip
    assert row_of(march, "track_week", track_id=CANES, **WEEK) == {
        "artist_band_id": REED,
        **CANE,
        "votes": None,
    }


def test_a_month_of_a_track_is_what_was_worked_out(march: World) -> None:
    # Rows 2 to 13 but for 6, which is of Marsh. Full: Di and Ada (10th), Ed (24th), Ada, Bo and Gil (29th).
    # Majority: Flo, twice. Partial: Ed. Skips: Di (15th) and Cy. 6 x 3 + 2 x 2 + 1 = 23. All seven people.
    assert row_of(march, "track_week", track_id=CANES, period="month", starts_on="2026-03-01") == {
        "artist_band_id": REED, "engagement_points": 23, "listens": 11, "full_listens": 6,
        "majority_listens": 2, "partial_listens": 1, "skips": 2, "listeners": 7, "votes": None,
    }  # fmt: skip


def test_a_cohort_is_what_was_worked_out(unfloored: World) -> None:
    # Ann alone made her account in June 2025. She skipped a song on 1 September (3 months after) and blasted
    # in December (6 months after); June 2026 has not ended. 25 + 5 + 5 + 100 + 100 + 25 + 2 points.
    platform = scope_of(unfloored, None)
    assert row_of(unfloored, "member_cohort", scope_id=platform, joined_month="2025-06-01") == {
        "tier": "platform", "size": 1, "active_after_1m": 0, "active_after_2m": 0, "active_after_3m": 1,
        "active_after_6m": 1, "active_after_12m": None, "activity_points": 262,
    }  # fmt: skip


def test_who_came_to_an_event_is_what_was_worked_out(unfloored: World) -> None:
    # Ann scanned the code and was then found by location; Ben was written down by hand. The band's signal 1
    # was blasted on 28 December; the blast of 3 January came after the end.
    assert row_of(unfloored, "event_activity", event_id=uid(12, 1)) == {
        "scene_id": uid(2, 1), "artist_band_id": uid(3, 1), "created_at": dt.datetime(2025, 12, 20, 10),
        "starts_at": dt.datetime(2026, 1, 1, 19), "ends_at": dt.datetime(2026, 1, 1, 23), "has_ended": True,
        "attendance_by_qr_scan": 1, "attendance_by_location": 1, "attendance_not_verified": 1,
        "verified_attendance": 1, "first_timers": 1, "blasts": 1,
    }  # fmt: skip


def test_a_profile_is_what_was_worked_out(unfloored: World) -> None:
    found = row_of(unfloored, "member_profile", user_id=uid(1, 4))
    # Dan: 5 x 10 for support on 6 December; 100 for a proof on the 31st, taken back on 3 January; that day 5
    # for a blast and 15 for coming. 7 days begin on 28 December: 100 - 100 + 5 + 15.
    points = {"": (20, 70), "blast_": (5, 5), "support_": (0, 50), "attendance_": (15, 15)}
    points |= dict.fromkeys(("project_", "proof_of_support_", "pioneering_", "adjustment_"), (0, 0))
    wanted = {
        f"{kind}points_{span}": week if span == "7d" else all_time
        for kind, (week, all_time) in points.items()
        for span in ("7d", "30d", "90d", "all_time")
    }
    # Eight awards: five of support, the proof, the blast, the attendance.
    wanted |= {
        "as_of_date": dt.date(2026, 1, 3), "home_scene_id": uid(2, 4), "awards": 8,
        "member_since": dt.datetime(2025, 8, 2, 9), "first_activity_at": dt.datetime(2025, 12, 6, 10),
        "last_activity_at": dt.datetime(2026, 1, 3, 21), "collected_artists": None,
        "collected_artists_coverage": None,
    }  # fmt: skip
    assert {name: value for name, value in found.items() if name != "home_scene"} == wanted


def scope_of(world: World, scene_id: str | None) -> str:
    """The scope of a scene, or the platform."""
    which = f"scene_id = '{scene_id}'" if scene_id else "tier = 'platform'"
    ((scope_id,),) = world.connection.sql(f"select scope_id::varchar from scope where {which}").fetchall()
    return scope_id
