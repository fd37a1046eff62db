"""The contract with the exports, what counts as a delivered night, and which night is complete."""

import dataclasses
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from conftest import write_part

from orchestration.assets.raw_tables import IngestionConfig
from orchestration.build.manifest import export_tables
from orchestration.raw.check import TYPE_PATTERNS
from orchestration.raw.contract import Column, Table, contract
from orchestration.raw.discover import (
    FORMATS,
    delivered_nights,
    latest_complete_night,
    missing_tables,
    part_format,
)
from orchestration.raw.intake import NoCompleteNightError, choose_as_of
from orchestration.raw.kept import FORMS
from orchestration.settings import UsageError, settings

TABLES = export_tables()

# What the platform promises: every column in any order, `?` after those that may be null.
PROMISED = {
    "users": """id email username displayName password bio? avatar? coverImage? latitude? longitude? city?
        country? isVerified createdAt updatedAt homeSceneCity? homeSceneState? homeSceneCommunity?
        homeSceneTag? gpsVerified tunedSceneId? tunedSceneUpdatedAt? collectionDisplayEnabled homeSceneId?""",
    "communities": """id name slug description coverImage? avatar? isPrivate memberCount createdById
        createdAt updatedAt geofence? radius? city? isActive musicCommunity? state? tier""",
    "community_members": "id userId communityId role joinedAt",
    "artist_bands": """id name slug entityType registrarEntryRef? homeSceneId? createdById createdAt
        updatedAt officialWebsiteUrl? merchUrl? musicUrl? donationUrl? sourceOriginCity?
        sourceOriginState? sourceOriginMusicCommunity? bio? avatar? coverImage?""",
    "artist_band_members": "id artistBandId userId role createdAt headshotUrl?",
    "sects": "id parentCommunityId name slug createdAt updatedAt requestRegistrarEntryId?",
    "sect_tags": "id name status parentCommunityId createdAt updatedAt",
    "user_tags": "id userId sectTagId createdAt",
    "user_saved_scenes": "id userId communityId reason context? savedAt updatedAt",
    "community_activation_audits": """id sceneId city state musicCommunity createdScene
        reanchoredSourceIds cutoverListenerIds savedAwaySceneCount activationNoticeCount thresholds
        createdAt""",
    "registrar_entries": """id type status sceneId createdById artistBandId? payload? createdAt updatedAt
        sourceOriginCity? sourceOriginState? sourceOriginMusicCommunity?""",
    "registrar_artist_members": """id registrarEntryId name email city instrument existingUserId?
        inviteStatus createdAt updatedAt claimedUserId? inviteToken? inviteTokenExpiresAt?""",
    "user_capability_grants": """id userId capability status sourceRegistrarEntryId?
        sourceRegistrarCodeId? grantedAt revokedAt? createdAt updatedAt""",
    "music_community_requests": """id userId requestedName requestedNameNormalized city cityNormalized
        state stateNormalized status createdAt updatedAt""",
    "tracks": """id title artist album? duration fileUrl coverArt? waveformData? uploadedById communityId?
        playCount likeCount status createdAt updatedAt artistBandId?""",
    "track_engagements": "id userId trackId type score sessionId createdAt",
    "track_votes": "id userId trackId sceneId tier playbackSessionId createdAt",
    "rotation_entries": """id trackId sceneId pool enteredPoolAt lastPlayedAt? recurrenceScore
        graduatedAt? createdAt updatedAt newWindowDays""",
    "release_deck_schedules": """id trackId communityId artistBandId scheduledFor assignmentMode
        requestedFor? status capacitySnapshot? createdById createdAt updatedAt""",
    "fair_play_config": "id scope recurrenceRollingWindowDays?",
    "signals": "id type metadata? communityId? createdById? createdAt",
    "signal_actions": "id type userId signalId createdAt",
    "collections": "id name userId createdAt",
    "collection_items": "id collectionId signalId createdAt",
    "follows": "id followerId entityType entityId createdAt",
    "events": """id title description coverImage? startDate endDate locationName address latitude
        longitude communityId createdById attendeeCount maxAttendees? createdAt updatedAt artistBandId?""",
    "event_attendances": "id userId eventId checkedInAt method createdAt",
    "proof_of_support": """id userId kind eventId? artistBandId? projectId? status method verifiedAt?
        revokedAt? createdAt updatedAt""",
    "projects": "id name communityId createdById status createdAt updatedAt",
    "project_supports": "id projectId userId kind createdAt",
    "pioneer_referrals": "id pioneerId recruitedUserId communityId createdAt",
    "activity_point_adjustments": "id userId points reason decidedById createdAt",
}
APPENDED = {
    "track_engagements", "track_votes", "signal_actions", "follows", "collection_items", "community_members",
    "user_tags", "user_saved_scenes", "community_activation_audits", "event_attendances", "project_supports",
    "pioneer_referrals", "activity_point_adjustments",
}  # fmt: skip
CLOSED_SETS = {
    ("communities", "tier"): {"city", "state", "national"},
    ("artist_bands", "entityType"): {"artist", "band"},
    ("sect_tags", "status"): {"active", "incubating"},
    ("registrar_entries", "type"): {
        "artist_band_registration", "promoter_registration", "project_registration", "sect_motion",
    },
    ("registrar_entries", "status"): {"submitted", "approved", "rejected", "materialized"},
    ("user_capability_grants", "status"): {"active", "revoked"},
    ("tracks", "status"): {"processing", "ready", "failed"},
    ("track_engagements", "type"): {"full", "majority", "partial", "skip"},
    ("track_votes", "tier"): {"city"},
    ("rotation_entries", "pool"): {"NEW_RELEASES", "MAIN_ROTATION"},
    ("release_deck_schedules", "assignmentMode"): {"soonest", "chosen"},
    ("release_deck_schedules", "status"): {"scheduled", "ingested"},
    ("signal_actions", "type"): {"ADD", "BLAST", "RECOMMEND", "SUPPORT"},
    ("event_attendances", "method"): {"qr_scan", "location", "manual"},
    ("proof_of_support", "kind"): {"attendance", "ticket", "merch", "donation"},
    ("proof_of_support", "status"): {"pending", "verified", "rejected", "revoked"},
    ("proof_of_support", "method"): {"qr_scan", "location", "artist_confirmation"},
    ("projects", "status"): {"active", "completed", "cancelled"},
    ("project_supports", "kind"): {"contribution", "labor", "promotion"},
}  # fmt: skip

DAY = dt.date(2026, 3, 1)
NEXT_DAY = dt.date(2026, 3, 2)


def column(name: str, data_type: str, **given: Any) -> Column:
    """A column of a contract: neither nullable nor personal, any value, unless given otherwise."""
    usual = {"nullable": False, "accepted_values": (), "personal": False, "keep_ids": ()}
    return Column(name=name, data_type=data_type, **(usual | given))


def table(name: str, **given: Any) -> Table:
    """A contract of one column, unless given otherwise."""
    usual = {
        "description": "", "kind": "snapshot", "key": ("id",), "event_time": None, "required": False,
        "guard_departures": False, "columns": (column("id", "uuid"),), "row_checks": (),
    }  # fmt: skip
    return Table(name, **(usual | given))


def source(name: str, meta: dict[str, Any], columns: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A table of a dbt manifest as dbt writes it."""
    return {
        "name": name,
        "description": f"All {name}.",
        "config": {"meta": meta},
        "columns": {
            name: {"name": name, "data_type": column["data_type"], "config": {"meta": column.get("meta", {})}}
            for name, column in columns.items()
        },
    }


# The contract


def test_a_contract_is_read_from_the_sources_of_the_manifest() -> None:
    meta = {
        "kind": "append", "key": ["id"], "event_time": "at", "required": True, "guard_departures": True,
        "row_checks": [{"column": "n", "expression": "n > 0", "reason": "is too small"}],
    }  # fmt: skip
    columns = {
        "id": {"data_type": "uuid"},
        "at": {"data_type": "timestamp"},
        "n": {"data_type": "integer", "meta": {"nullable": True, "personal": True}},
        "kind": {"data_type": "varchar", "meta": {"accepted_values": ["a", "b"]}},
        "about": {"data_type": "json", "meta": {"keep_ids": ["bandId"]}},
        "cell": {"data_type": "integer", "meta": {"delivered_as": "latitude", "kept_as": "latitude_cell"}},
    }
    acts = contract({"sources": {"source.x.raw.acts": source("acts", meta, columns)}})["acts"]
    assert (acts.name, acts.description, acts.kind, acts.key) == ("acts", "All acts.", "append", ("id",))
    assert (acts.event_time, acts.required, acts.guard_departures) == ("at", True, True)
    assert acts.columns == (
        column("id", "uuid"),
        column("at", "timestamp"),
        column("n", "integer", nullable=True, personal=True),
        column("kind", "varchar", accepted_values=("a", "b")),
        column("about", "json", keep_ids=("bandId",)),
        column("cell", "integer", delivered_as="latitude", kept_as="latitude_cell"),
    )
    assert [c.delivered for c in acts.columns] == ["id", "at", "n", "kind", "about", "latitude"]
    assert [dataclasses.astuple(check) for check in acts.row_checks] == [("n", "n > 0", "is too small")]


def test_what_a_contract_leaves_out_is_not_required_and_not_guarded() -> None:
    meta = {"kind": "snapshot", "key": ["id"]}
    things = contract({"sources": {"s": source("things", meta, {"id": {"data_type": "uuid"}})}})["things"]
    assert (things.event_time, things.required, things.guard_departures) == (None, False, False)
    assert things.row_checks == ()


def test_sources_without_a_kind_are_no_exports() -> None:
    books = source("run", {}, {"as_of_date": {"data_type": "date"}})
    assert contract({"sources": {"s": books}}) == {}


def test_contracted_tables_are_all_promised_and_in_order_of_name() -> None:
    assert list(TABLES) == sorted(TABLES)
    assert len(TABLES) >= 29
    assert TABLES.keys() <= PROMISED.keys()


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_contract_expects_no_more_than_the_platform_promises(name: str) -> None:
    promised = {column.removesuffix("?"): column.endswith("?") for column in PROMISED[name].split()}
    for column in TABLES[name].columns:
        # Exports from before a form of them was kept may lack these columns.
        assert column.nullable == (promised[column.delivered] or bool(column.kept_as)), column.name
        assert column.kept_as in FORMS or column.data_type in {*TYPE_PATTERNS, "varchar", "json"}, column.name


def test_what_is_kept_only_in_a_form_is_kept_in_these_and_no_other() -> None:
    kept = {
        (name, column.delivered): {
            c.name: c.kept_as for c in contracted.columns if c.delivered == column.delivered
        }
        for name, contracted in TABLES.items()
        for column in contracted.columns
        if column.kept_as
    }
    assert kept == {
        ("communities", "geofence"): {
            "centre_latitude": "latitude_of_point", "centre_longitude": "longitude_of_point",
        },
        ("events", "latitude"): {"cell_north": "latitude_cell"},
        ("events", "longitude"): {"cell_east": "longitude_cell"},
        ("registrar_artist_members", "instrument"): {"instrument": "instrument"},
        ("track_engagements", "sessionId"): {"session_id": "keyed_hash"},
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_contract_knows_whether_rows_are_appended_or_all_delivered_again(name: str) -> None:
    contracted = TABLES[name]
    assert contracted.key == ("id",)
    assert contracted.kind == ("append" if name in APPENDED else "snapshot")
    assert (contracted.event_time is not None) == (name in APPENDED)
    if contracted.event_time:
        (time,) = (column for column in contracted.columns if column.name == contracted.event_time)
        assert (time.data_type, time.nullable) == ("timestamp", False)


def test_exactly_the_closed_sets_of_values_are_enforced() -> None:
    enforced = {
        (name, column.name): set(column.accepted_values)
        for name, contracted in TABLES.items()
        for column in contracted.columns
        if column.accepted_values
    }
    assert enforced == {
        place: values
        for place, values in CLOSED_SETS.items()
        if place[1] in {column.name for column in TABLES[place[0]].columns}
    }


def test_only_the_users_are_guarded_against_a_mass_departure() -> None:
    assert [name for name, contracted in TABLES.items() if contracted.guard_departures] == ["users"]


@pytest.mark.parametrize(
    ("change", "read_again"),
    [
        ({"description": "Other words."}, False),
        ({"required": True}, False),
        ({"kind": "append"}, True),
        ({"key": ("id", "at")}, True),
        ({"event_time": "at"}, True),
        ({"guard_departures": True}, True),
        ({"columns": (column("id", "uuid", personal=True),)}, True),
        ({"columns": (column("id", "uuid", keep_ids=("x",)),)}, True),
        ({"columns": (column("id", "varchar"),)}, True),
        ({"columns": (column("id", "uuid", kept_as="keyed_hash"),)}, True),
        ({"columns": (column("id", "uuid", delivered_as="key"),)}, True),
        ({"columns": (column("id", "uuid"), column("n", "integer", nullable=True))}, True),
    ],
)
def test_a_fingerprint_changes_exactly_when_nights_must_be_read_again(
    change: dict[str, Any], read_again: bool
) -> None:
    assert (table("things", **change).fingerprint != table("things").fingerprint) == read_again


# The layout


def test_no_exports_directory_is_no_night(tmp_path: Path) -> None:
    assert delivered_nights(tmp_path / "nowhere", {"things": table("things")}) == []


def test_nights_come_oldest_first_then_by_table(tmp_path: Path) -> None:
    tables = {name: table(name) for name in ("acts", "things")}
    for name, night in (("things", DAY), ("acts", NEXT_DAY), ("acts", DAY), ("things", NEXT_DAY)):
        write_part(tmp_path, name, night, "id\n")
    assert [(night.table, night.date) for night in delivered_nights(tmp_path, tables)] == [
        ("acts", DAY), ("things", DAY), ("acts", NEXT_DAY), ("things", NEXT_DAY),
    ]  # fmt: skip


def test_parts_come_in_order_of_name_whatever_their_format(tmp_path: Path) -> None:
    names = [
        "part-0002.csv",
        "part-0000.parquet",
        "part-0001.jsonl.gz",
        "part-0010.csv.gz",
        "part-0003.jsonl",
    ]
    for name in names:
        write_part(tmp_path, "things", DAY, "id\n", name)
    (night,) = delivered_nights(tmp_path, {"things": table("things")})
    assert [path.name for path in night.parts] == sorted(names)
    assert night.folder == tmp_path / "things" / "2026-03-01"


@pytest.mark.parametrize(
    "name",
    [".part-0000.csv", "_part-0000.csv", "_SUCCESS", ".DS_Store", "part-0000.csv.tmp", "_manifest.json"],
)
def test_names_that_are_not_data_make_no_part_and_no_night(tmp_path: Path, name: str) -> None:
    tables = {"things": table("things")}
    write_part(tmp_path, "things", DAY, '{"parts": {}}', name)
    assert delivered_nights(tmp_path, tables) == []
    write_part(tmp_path, "things", DAY, "id\n", "part-0000.csv")
    (night,) = delivered_nights(tmp_path, tables)
    assert [path.name for path in night.parts] == ["part-0000.csv"]


@pytest.mark.parametrize(
    "folder",
    [
        "latest",
        "2026-3-1",
        "20260301",
        "2026-02-30",
        "2026-W09-7",
        "2026-03-01.tmp",
        "_2026-03-01",
        "03-01-2026",
    ],
)
def test_folders_that_are_no_dates_are_passed_over(tmp_path: Path, folder: str) -> None:
    write_part(tmp_path, "things", folder, "id\n")
    write_part(tmp_path, "things", DAY, "id\n")
    nights = delivered_nights(tmp_path, {"things": table("things")})
    assert [night.date for night in nights] == [DAY]


def test_tables_outside_the_contract_are_passed_over(tmp_path: Path) -> None:
    write_part(tmp_path, "passwords", DAY, "id\n")
    write_part(tmp_path, "things", DAY, "id\n")
    nights = delivered_nights(tmp_path, {"things": table("things")})
    assert [night.table for night in nights] == ["things"]


def test_stray_files_and_folders_are_no_parts(tmp_path: Path) -> None:
    (tmp_path / "things" / "2026-03-01" / "older").mkdir(parents=True)
    (tmp_path / "things" / "notes.csv").write_text("not a folder")
    (tmp_path / "acts").write_text("not a folder")
    assert delivered_nights(tmp_path, {"things": table("things"), "acts": table("acts")}) == []


def test_what_has_the_name_of_a_night_or_of_a_part_and_is_none_is_not_passed_over(tmp_path: Path) -> None:
    part = tmp_path / "things" / "2026-03-01" / "part-0000.csv"
    part.mkdir(parents=True)
    file = tmp_path / "things" / "2026-03-02"
    file.write_text("not a folder")
    first, second = delivered_nights(tmp_path, {"things": table("things")})
    assert (first.parts, first.problem) == ((part,), None)
    assert (second.parts, second.problem) == ((file,), "2026-03-02 cannot be read: Not a directory")


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_format_is_what_a_name_ends_in(fmt: str) -> None:
    assert part_format(Path(f"part-0000.{fmt}")) == fmt


@pytest.mark.parametrize(
    "name", ["part-0000", "part-0000.CSV", "part-0000.txt", "csv", "part.csv.zip", "part.gz"]
)
def test_other_endings_are_no_format(name: str) -> None:
    assert part_format(Path(name)) is None


# The manifest beside the parts


def manifest_read(exports_dir: Path, content: str | bytes) -> tuple[Any, Any]:
    """What is read of a night's manifest: the parts it expects, and what is wrong with it."""
    write_part(exports_dir, "things", DAY, "id\n")
    write_part(exports_dir, "things", DAY, content, "_manifest.json")
    (night,) = delivered_nights(exports_dir, {"things": table("things")})
    return night.manifest, night.problem


def test_a_night_needs_no_manifest(tmp_path: Path) -> None:
    write_part(tmp_path, "things", DAY, "id\n")
    (night,) = delivered_nights(tmp_path, {"things": table("things")})
    assert (night.manifest, night.problem) == (None, None)


def test_a_manifest_says_what_should_be_there(tmp_path: Path) -> None:
    parts = {"part-0000.csv": {"rows": 123, "sha256": "ab" * 32}, "part-0001.csv": {}}
    assert manifest_read(tmp_path, json.dumps({"parts": parts, "made by": "the app"})) == (parts, None)


@pytest.mark.parametrize(
    "content",
    [
        '{"parts": {"part-0000.csv": {"sha256": ""}}}', '{"parts": {"part-0000.csv": {"sha256": "ab"}}}',
        "", "{", "[]", "null", "7", "{}", '{"parts": null}', '{"parts": ["part-0000.csv"]}',
        '{"parts": {"part-0000.csv": 3}}', '{"parts": {"part-0000.csv": "abc"}}', b"\xff\xfe\x00",
    ],
)  # fmt: skip
def test_a_broken_manifest_is_said_to_be_broken(tmp_path: Path, content: str | bytes) -> None:
    assert manifest_read(tmp_path, content) == (None, "_manifest.json cannot be read as a manifest")


# Which night is complete

TWO_REQUIRED = {
    "signals": table("signals", required=True),
    "users": table("users", required=True),
    "events": table("events"),
}


def arrivals(**days: list[int]) -> set[tuple[str, dt.date]]:
    """Which tables arrived on which days of March 2026."""
    return {(name, dt.date(2026, 3, day)) for name, numbers in days.items() for day in numbers}


@pytest.mark.parametrize(
    ("arrived", "day"),
    [
        pytest.param(arrivals(users=[1, 2], signals=[1, 2]), 2, id="all there"),
        pytest.param(arrivals(users=[1, 2, 3], signals=[1, 2]), 2, id="the last is incomplete"),
        pytest.param(arrivals(users=[1, 3, 5], signals=[1, 2, 5, 6]), 5, id="gaps between"),
        pytest.param(arrivals(users=[1], signals=[1], events=[1, 2]), 1, id="an optional table alone"),
        pytest.param(arrivals(users=[1], signals=[1], passwords=[9]), 1, id="a table outside the contract"),
        pytest.param(arrivals(users=[1], signals=[2]), None, id="never all on one night"),
        pytest.param(arrivals(events=[1]), None, id="none required"),
        pytest.param(set(), None, id="nothing"),
    ],
)
def test_the_latest_complete_night_has_every_required_table(
    arrived: set[tuple[str, dt.date]], day: int | None
) -> None:
    expected = dt.date(2026, 3, day) if day else None
    assert latest_complete_night(arrived, TWO_REQUIRED) == expected


def test_missing_tables_are_named_in_order() -> None:
    arrived = arrivals(events=[1], users=[2])
    assert missing_tables(arrived, {"users", "signals"}, DAY) == ["signals", "users"]
    assert missing_tables(arrived, {"users", "signals"}, NEXT_DAY) == ["signals"]
    assert missing_tables(arrived, {"users"}, NEXT_DAY) == []


def chosen(arrived: set[tuple[str, dt.date]], asked: str = "") -> dt.date:
    """The night that a run builds as of, under a contract that needs users and signals."""
    return choose_as_of(settings(), TWO_REQUIRED, arrived, IngestionConfig(as_of=asked).wish().as_of)


def test_a_run_builds_as_of_the_latest_complete_night_unless_asked() -> None:
    arrived = arrivals(users=[1, 2, 4], signals=[1, 2, 3])
    assert chosen(arrived) == dt.date(2026, 3, 2)
    assert chosen(arrived, "2026-03-01") == dt.date(2026, 3, 1)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("2026-03-03", "2026-03-03 is not complete: users did not arrive"),
        ("2026-03-04", "2026-03-04 is not complete: signals did not arrive"),
        ("2026-03-09", "2026-03-09 is not complete: signals, users did not arrive"),
        ("2026-02-30", "day is out of range for month; nights are written YYYY-MM-DD"),
        ("yesterday", "Invalid isoformat string: 'yesterday'; nights are written YYYY-MM-DD"),
    ],
)
def test_a_night_asked_for_must_be_complete(asked: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        chosen(arrivals(users=[1, 2, 4], signals=[1, 2, 3]), asked)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("arrived", "message"),
    [
        (set(), "nothing arrived of signals, users"),
        (arrivals(users=[1, 2], signals=[3]), "nothing arrived for 2026-03-03 of users"),
    ],
)
def test_without_a_complete_night_the_run_says_what_is_missing(
    arrived: set[tuple[str, dt.date]], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPORTS_DIR", str(tmp_path))
    with pytest.raises(NoCompleteNightError) as failure:
        chosen(arrived)
    assert str(failure.value) == f"no complete night in {tmp_path}: {message}"
