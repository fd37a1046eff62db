"""Of some columns only a form is kept: what it is in every format, and that the value itself is nowhere."""

import datetime as dt
import os
import re
import shutil
import struct
import uuid
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import uid, write_part, write_rows
from golden.world import EXPORTS, erased
from ingesting import TABLES, House, as_csv, as_jsonl, as_parquet, march, parquet, users
from worlds import World, ancestors, directories, ingest_nights

from orchestration.database import literal
from orchestration.raw import erase
from orchestration.raw.contract import Table
from orchestration.raw.discover import delivered_nights
from orchestration.raw.kept import INSTRUMENTS
from orchestration.sample import SMALLEST, write_sample

BEFORE = {"createdAt": "2026-03-01 10:00:00"}
TYPES = {
    "score": "integer", "latitude": "double", "longitude": "double", "memberCount": "integer",
    "isActive": "boolean",
}  # fmt: skip
FORMATS: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {
    "csv": as_csv,
    "jsonl": as_jsonl,
    "parquet": lambda rows: as_parquet(rows, **TYPES),
}


def listen(number: int, **changes: Any) -> dict[str, Any]:
    """A row of track_engagements nobody objects to."""
    return {
        "id": uid(5, number), "userId": uid(2, 1), "trackId": uid(4, 1), "type": "full", "score": 3,
        "sessionId": f"session-{number}", **BEFORE,
    } | changes  # fmt: skip


def event(number: int, **changes: Any) -> dict[str, Any]:
    """A row of events nobody objects to."""
    return {
        "id": uid(12, number), "title": "A night", "startDate": "2026-03-05 20:00:00",
        "endDate": "2026-03-05 23:00:00", "latitude": 30.267153, "longitude": -97.7430608,
        "communityId": uid(3, 1), "createdById": uid(2, 1), **BEFORE, "artistBandId": None,
    } | changes  # fmt: skip


def community(number: int, geofence: str | None, **changes: Any) -> dict[str, Any]:
    """A row of communities nobody objects to."""
    return {
        "id": uid(3, number), "name": "Austin Punk", "slug": "austin-punk", "memberCount": 3,
        "geofence": geofence, "isActive": True, "city": "Austin", "state": "Texas", "musicCommunity": "punk",
        "tier": "city", **BEFORE,
    } | changes  # fmt: skip


def invitee(number: int, instrument: str | None) -> dict[str, Any]:
    """A row of registrar_artist_members nobody objects to."""
    return {
        "id": uid(13, number), "registrarEntryId": uid(14, 1), "name": "Ann", "instrument": instrument,
        "existingUserId": None, "claimedUserId": None, "inviteStatus": "pending", **BEFORE,
    }  # fmt: skip


def point(longitude: float, latitude: float, *, order: str = "<", srid: int | None = 4326) -> str:
    """A point as PostGIS writes it: EWKB in hexadecimal, or WKB without a SRID."""
    head = bytes([order == "<"]) + struct.pack(f"{order}I", 1 if srid is None else 0x20000001)
    named = b"" if srid is None else struct.pack(f"{order}I", srid)
    return (head + named + struct.pack(f"{order}dd", longitude, latitude)).hex()


def kept(home: Path, table: str, rows: list[dict[str, Any]], *columns: str, fmt: str = "csv") -> list[Any]:
    """These columns of the rows in raw, after all of them were accepted."""
    house = House(home, table, erasure_key=os.environ["ERASURE_KEY"])
    house.deliver(table, 1, FORMATS[fmt](rows), f"part-0000.{fmt}")
    (outcome,) = house.ingest()
    assert (outcome.action, outcome.rejected) == ("accepted", 0)
    return house.rows(table, 1, *columns)


# What is kept, in every format


@pytest.mark.parametrize("fmt", FORMATS)
def test_of_a_session_its_hash_under_the_key_is_kept(tmp_path: Path, fmt: str) -> None:
    texts = ["s-1", "s-1", "S-1", "", "ann@example.invalid 🎸", None]
    rows = [listen(number, sessionId=text) for number, text in enumerate(texts)]
    found = kept(tmp_path, "track_engagements", rows, "session_id", fmt=fmt)
    assert found[0] == (uuid.UUID("3f737eeb-eed4-dbc8-5178-d7131c458dde"),)  # HMAC-SHA256 under 5e5e…
    assert found == [(text if text is None else uuid.UUID(erased(text)),) for text in texts]


@pytest.mark.parametrize("fmt", FORMATS)
def test_of_the_place_of_an_event_its_cell_is_kept(tmp_path: Path, fmt: str) -> None:
    places = [
        (30.267153, -97.7430608), (0.15, 0.3), (-0.15, -0.01), (0, 0.0499), (90, 180), (-90, -180),
        (1e-7, -1e-7), (None, 2.5), (1.5, None),
    ]  # fmt: skip
    rows = [event(number, latitude=north, longitude=east) for number, (north, east) in enumerate(places)]
    # 30.267153 / 0.05 = 605.3…, -97.7430608 / 0.05 = -1954.8…; as a binary fraction 0.15 / 0.05 floors to 2.
    assert kept(tmp_path, "events", rows, "cell_north", "cell_east", fmt=fmt) == [
        (605, -1955), (3, 6), (-3, -1), (0, 0), (1800, 3600), (-1800, -3600),
        (0, -1), (None, 50), (30, None),
    ]  # fmt: skip


@pytest.mark.parametrize("fmt", FORMATS)
def test_of_a_geofence_its_centre_is_kept_to_a_hundredth_of_a_degree(tmp_path: Path, fmt: str) -> None:
    geofences = [
        "0101000020E6100000166A4DF38E6F58C0BF7D1D3867443E40",  # -97.7431 30.2672, as PostGIS writes it
        "0020000001000010e6c057d7aacd9e83e4403dc2a9930be0df",  # -95.3698 29.7604, the other order of bytes
        "01010000003333333333ab5ec052b81e85ebc14640",  # -122.675 45.515, without a SRID
        "00000000014066800000000000c056800000000000",  # 180 -90, without a SRID, the other order of bytes
        point(-0.001, 0.00005),
        point(5e-324, -0.0),
        None,
    ]
    rows = [community(number, geofence) for number, geofence in enumerate(geofences)]
    found = kept(tmp_path, "communities", rows, "centre_longitude", "centre_latitude", fmt=fmt)
    assert found == [
        (Decimal("-97.74"), Decimal("30.27")),
        (Decimal("-95.37"), Decimal("29.76")),
        (Decimal("-122.68"), Decimal("45.52")),
        (Decimal("180.00"), Decimal("-90.00")),
        (Decimal("0.00"), Decimal("0.00")),
        (Decimal("0.00"), Decimal("0.00")),
        (None, None),
    ]


SAID = {
    "drums": "drums", "  Lead GUITAR ": "guitar", "bass, vocals": "bass", "vocals/bass": "vocals",
    'the "other" guitar': "guitar", "Bass-Guitar": "bass", "upright bass": "strings",
    "bass clarinet (and bass)": "woodwind", "Drum  Machine": "electronics", "DJ": "electronics",
    "Cajón": "percussion", "sax": "woodwind", "trumpet\nplayer": "brass", "synth": "keys",
    "🎸 guitar 🎸": "guitar",
    # None of these is one. What is only part of a longer word is no word.
    "manager": None, "": None, "🎸": None, "bassoonery": None, "n/a": None, "guitar1": None,
}  # fmt: skip


@pytest.mark.parametrize("fmt", FORMATS)
def test_of_what_somebody_plays_the_instrument_named_first_is_kept(tmp_path: Path, fmt: str) -> None:
    rows = [invitee(number, said) for number, said in enumerate([*SAID, None])]
    found = kept(tmp_path, "registrar_artist_members", rows, "instrument", fmt=fmt)
    assert found == [(instrument,) for instrument in [*SAID.values(), None]]


def test_words_of_the_seed_are_plain_and_lower_case_and_each_means_what_it_says(tmp_path: Path) -> None:
    assert [word for word in INSTRUMENTS if not re.fullmatch("[a-z]+( [a-z]+)*", word)] == []
    assert set(INSTRUMENTS.values()) == {
        "guitar", "bass", "drums", "percussion", "keys", "vocals", "strings", "brass", "woodwind",
        "electronics",
    }  # fmt: skip
    rows = [invitee(number, word.upper()) for number, word in enumerate(INSTRUMENTS)]
    found = kept(tmp_path, "registrar_artist_members", rows, "instrument")
    assert found == [(instrument,) for instrument in INSTRUMENTS.values()]


@pytest.mark.parametrize("fmt", FORMATS)
def test_exports_without_these_columns_are_read_as_before(tmp_path: Path, fmt: str) -> None:
    row = {column: value for column, value in listen(1).items() if column != "sessionId"}
    assert kept(tmp_path / "a", "track_engagements", [row], "score", "session_id", fmt=fmt) == [(3, None)]
    row = {column: value for column, value in event(1).items() if column != "longitude"}
    assert kept(tmp_path / "b", "events", [row], "cell_north", "cell_east", fmt=fmt) == [(605, None)]


def test_rows_are_the_same_if_what_is_kept_of_them_is(tmp_path: Path) -> None:
    rows = [event(1), event(1, latitude=30.25), event(1, latitude=30.3)]
    (first,), (within,), (beyond,) = kept(tmp_path, "events", rows, "row_hash")
    assert first == within != beyond


# What is bad


def rejected(home: Path, table: str, rows: list[dict[str, Any]], fmt: str) -> set[tuple[Any, ...]]:
    """The column, reason and value of the rejected rows, which are all of them."""
    house = House(home, table, max_rejected_rows=100)
    house.deliver(table, 1, FORMATS[fmt](rows), f"part-0000.{fmt}")
    (outcome,) = house.ingest()
    assert (outcome.action, outcome.rejected) == ("accepted", len(rows))
    return {row[4:] for row in house.rejected(table, 1)}


@pytest.mark.parametrize("fmt", FORMATS)
def test_of_a_latitude_that_is_none_nothing_is_kept_and_the_event_stays(tmp_path: Path, fmt: str) -> None:
    values = [90.000001, -90.5, 1234.5, 1e300]
    rows = [event(number, latitude=value) for number, value in enumerate(values)]
    rows += [] if fmt == "parquet" else [event(9, latitude="somewhere"), event(10, latitude="NaN")]
    found = kept(tmp_path, "events", rows, "cell_north", "cell_east", fmt=fmt)
    assert found == [(None, -1955)] * len(rows)


@pytest.mark.parametrize("fmt", FORMATS)
def test_of_a_longitude_that_is_none_nothing_is_kept_and_the_event_stays(tmp_path: Path, fmt: str) -> None:
    rows = [event(number, longitude=value) for number, value in enumerate((180.000001, -181, 1e300))]
    assert kept(tmp_path, "events", rows, "cell_north", "cell_east", fmt=fmt) == [(605, None)] * 3


def test_not_a_number_in_parquet_is_no_latitude(tmp_path: Path) -> None:
    rows = [event(number, latitude=float(value)) for number, value in enumerate(("nan", "inf", "-inf"))]
    assert kept(tmp_path, "events", rows, "cell_north", fmt="parquet") == [(None,)] * 3


NO_POINTS = {
    "no hexadecimal": "somewhere in Texas",
    "an odd digit": "0101000020E6100000166A4DF38E6F58C0BF7D1D3867443E4G",
    "cut off": point(-97.7431, 30.2672)[:-2],
    "too long": point(-97.7431, 30.2672) + "00",
    "empty": "",
    "a line": "0102" + point(-97.7431, 30.2672)[4:],
    "of three dimensions": "01010000A0" + point(-97.7431, 30.2672)[10:],
    "an unknown order of bytes": "02" + point(-97.7431, 30.2672)[2:],
    "the order of bytes does not fit": "00" + point(-97.7431, 30.2672)[2:],
    "in metres": point(-10880712, 3534937, srid=3857),
    "in another system of coordinates": point(-97.7431, 30.2672, srid=3857),
    "an empty point": point(float("nan"), float("nan")),
    "no longitude": point(float("nan"), 30.2672),
    "no latitude": point(-97.7431, float("inf"), order=">"),
    "off the map to the north": point(-97.7431, 90.01),
    "off the map to the west": point(-180.01, 30.2672, srid=None),
    "the other way round": point(30.2672, -97.7431),
}


@pytest.mark.parametrize("fmt", FORMATS)
def test_of_a_geofence_that_is_no_point_nothing_is_kept_and_the_scene_stays(tmp_path: Path, fmt: str) -> None:
    rows = [community(number, geofence) for number, geofence in enumerate(NO_POINTS.values())]
    found = kept(tmp_path, "communities", rows, "centre_longitude", "centre_latitude", fmt=fmt)
    half = {"no longitude": (None, Decimal("30.27")), "no latitude": (Decimal("-97.74"), None),
            "off the map to the north": (Decimal("-97.74"), None),
            "off the map to the west": (None, Decimal("30.27")),
            "the other way round": (Decimal("30.27"), None)}  # fmt: skip
    assert found == [half.get(name, (None, None)) for name in NO_POINTS]


@pytest.mark.parametrize("value", [["s-1"], {"id": "s-1"}, 1.5])
def test_a_session_that_is_no_text_is_rejected_and_not_shown(tmp_path: Path, value: Any) -> None:
    found = rejected(tmp_path, "track_engagements", [listen(1, sessionId=value)], "jsonl")
    assert found == {("sessionId", "is not of type varchar", None)}


def test_a_night_of_bad_sessions_is_refused_without_showing_one(tmp_path: Path) -> None:
    house = House(tmp_path, "track_engagements", max_rejected_rows=0)
    rows = FORMATS["jsonl"]([listen(1), listen(2, sessionId=["somewhere"])])
    house.deliver("track_engagements", 1, rows, "part-0000.jsonl")
    (outcome,) = house.ingest()
    assert outcome.parts[0].reason == (
        "1 of 2 rows were rejected; the first is row 2 of part-0000.jsonl, "
        "whose sessionId is not of type varchar"
    )


# The value itself is nowhere


@pytest.mark.parametrize("fmt", FORMATS)
def test_what_was_delivered_is_in_no_file(tmp_path: Path, fmt: str) -> None:
    house = House(tmp_path, "track_engagements", "events", "communities", "registrar_artist_members")
    geofence = point(-97.74312345, 30.26721234)
    good = {
        "track_engagements": [listen(1, sessionId="planted session")],
        "events": [event(1, latitude=30.12345678, longitude=-97.87654321)],
        "communities": [community(1, geofence)],
        "registrar_artist_members": [invitee(1, "planted kazoo and drums")],
    }
    bad = {
        "events": [event(2, latitude=95.12345678), event(3, longitude=-197.87654321)],
        "communities": [community(2, geofence[:-4]), community(3, point(-97.74312345, 95.26721234))],
    }
    for table, rows in good.items():
        house.deliver(table, 1, FORMATS[fmt](rows + bad.get(table, [])), f"part-0000.{fmt}")
        delivered = FORMATS["csv"](rows + bad.get(table, [])).decode()
        house.deliver(table, 2, "id," + delivered, "part-0000.csv")  # refused: it has the column `id` twice
    assert {o.action for o in house.ingest()} == {"accepted", "refused"}
    written = house.everything_written().lower()
    planted = [
        "planted", "kazoo", "12345678", "87654321", "74312345", "26721234", "95.1", "197.8",
        geofence[18:34], geofence[34:46],
    ]  # fmt: skip
    assert "drums" in written
    assert "3f737eeb" not in written
    assert [text for text in planted if text in written] == []
    for coordinate in (30.12345678, -97.87654321, -97.74312345, 30.26721234):
        assert struct.pack("<d", coordinate).decode("latin-1").lower() not in written


def test_another_key_gives_other_sessions(tmp_path: Path) -> None:
    rows = [listen(1, sessionId="s-1")]
    house = House(tmp_path, "track_engagements", erasure_key="ab" * 32)
    house.deliver("track_engagements", 1, rows)
    house.ingest()
    assert house.rows("track_engagements", 1, "session_id") != [(uuid.UUID(erased("s-1")),)]


# Nights that were read before


def without_forms(table: Table) -> Table:
    """The contract before it kept a form of anything."""
    return replace(table, columns=tuple(column for column in table.columns if not column.kept_as))


def test_nights_of_before_are_read_again_or_have_nulls(tmp_path: Path) -> None:
    house = House(tmp_path, "events")
    for day in (1, 2):
        house.deliver("events", day, [event(day)])
    house.tables["events"] = without_forms(TABLES["events"])
    house.ingest()
    house.tables["events"] = TABLES["events"]
    shutil.rmtree(house.settings.exports_dir / "events" / str(march(1)))
    assert house.actions() == {("events", 2): "accepted"}
    everywhere = literal(house.settings.raw_dir / "events" / "*" / "rows.parquet")
    with duckdb.connect() as connection:
        rows = connection.sql(
            f"select night, cell_north, cell_east from read_parquet({everywhere}, union_by_name = true) "  # noqa: S608
            "order by night"
        ).fetchall()
    assert rows == [(march(1), None, None), (march(2), 605, -1955)]


def test_who_leaves_is_erased_from_nights_of_before(tmp_path: Path) -> None:
    """Although these nights lack columns, and can no longer be read again."""
    key = os.environ["ERASURE_KEY"]
    house = House(tmp_path, "users", "track_engagements", erasure_key=key, max_departed_share=1)
    house.tables["track_engagements"] = without_forms(TABLES["track_engagements"])
    house.deliver("users", 1, users(2))
    house.deliver("track_engagements", 1, [listen(1), listen(2, userId=uid(2, 2))])
    house.ingest()
    house.tables["track_engagements"] = TABLES["track_engagements"]
    shutil.rmtree(house.settings.exports_dir / "track_engagements")
    house.deliver("users", 2, users(1, first=2))
    house.ingest()
    nights = delivered_nights(house.settings.exports_dir, house.tables)
    assert erase.settle(house.settings, house.tables, nights) == 1
    assert house.rows("track_engagements", 1, "id", "userId", "session_id") == [
        (uuid.UUID(erased(uid(5, 1))), uuid.UUID(erased(uid(2, 1))), None),
        (uuid.UUID(uid(5, 2)), uuid.UUID(uid(2, 2)), None),
    ]


def test_who_leaves_is_erased_and_their_sessions_stay_hashes(tmp_path: Path) -> None:
    key = os.environ["ERASURE_KEY"]
    house = House(tmp_path, "users", "track_engagements", erasure_key=key, max_departed_share=1)
    house.deliver("users", 1, users(2))
    house.deliver("users", 2, users(1, first=2))
    house.deliver("track_engagements", 1, [listen(1, sessionId="s-1")])
    house.ingest()
    nights = delivered_nights(house.settings.exports_dir, house.tables)
    assert erase.settle(house.settings, house.tables, nights) == 1
    assert house.rows("track_engagements", 1, "userId", "session_id") == [
        (uuid.UUID(erased(uid(2, 1))), uuid.UUID(erased("s-1")))
    ]


# In staging


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The golden nights, with what somebody plays, and on the 2nd events that are half somewhere."""
    home = tmp_path_factory.mktemp("kept")
    exports = shutil.copytree(EXPORTS, home / "exports")
    rows = [invitee(1, "bass, vocals"), invitee(2, "roadie")]
    write_rows(exports, "registrar_artist_members", "2026-01-03", rows)
    halves = [event(97, longitude=None), event(98, latitude=None), event(99)]
    write_part(exports, "events", "2026-01-02", as_csv(halves), "part-0001.csv")
    scene = [community(9, NO_POINTS["no longitude"])]
    write_part(exports, "communities", "2026-01-03", as_csv(scene), "part-0001.csv")
    config = directories(home, exports)
    ingest_nights(config, confirmed=[dt.date(2026, 1, 3)])
    world = World()
    world.load(config)
    names = ("stg_track_engagements", "stg_events", "stg_communities", "stg_registrar_artist_members")
    world.build(ancestors(*names))
    return world


def test_staging_has_what_is_kept_of_the_golden_nights(staged: World) -> None:
    def rows(query: str) -> list[tuple[Any, ...]]:
        return staged.connection.sql(query).fetchall()

    sessions = dict(rows("select track_engagement_id, session_id from stg_track_engagements"))
    assert sessions[uuid.UUID(uid(5, 12))] == uuid.UUID("215a4aff-bfff-9e86-a71c-95ddaf5d3173")
    # Engagement 15 is rejected, and 10 is Fay's, who left. Cat's 6 and 7 are of one session, over midnight.
    assert sessions == {
        uuid.UUID(erased(uid(5, number)) if number == 10 else uid(5, number)): uuid.UUID(
            erased(f"session-{6 if number == 7 else number}")
        )
        for number in range(1, 15)
    }
    cells = "select cell_north, cell_east, count(*) from stg_events group by all order by all"
    # 1.5 and 2.5 degrees in the golden nights; 30.267153 and -97.7430608; two of which half is known.
    assert rows(cells) == [(30, 50, 3), (605, -1955, 1), (None, None, 2)]
    centres = """
        select community_id, centre_latitude, centre_longitude from stg_communities
        where centre_latitude is not null order by community_id
    """
    assert rows(centres) == [
        (uuid.UUID(uid(2, 1)), Decimal("30.27"), Decimal("-97.74")),
        (uuid.UUID(uid(2, 2)), Decimal("29.76"), Decimal("-95.37")),
        (uuid.UUID(uid(2, 3)), Decimal("45.52"), Decimal("-122.68")),
    ]
    half = f"from stg_communities select centre_latitude, centre_longitude where community_id = '{uid(3, 9)}'"
    assert rows(half) == [(None, None)]
    played = "select registrar_artist_member_id, instrument from stg_registrar_artist_members order by all"
    assert rows(played) == [(uuid.UUID(uid(13, 1)), "bass"), (uuid.UUID(uid(13, 2)), None)]


def test_the_sample_delivers_all_of_it(tmp_path: Path) -> None:
    house = House(tmp_path, "track_engagements", "events", "communities", "registrar_artist_members")
    (night,) = write_sample(house.settings.exports_dir, SMALLEST)
    assert {(outcome.action, outcome.rejected) for outcome in house.ingest()} == {("accepted", 0)}

    def values(table: str, column: str) -> set[Any]:
        path = house.settings.raw_dir / table / str(night) / "rows.parquet"
        return {value for (value,) in parquet(path, f"select {column}")}

    assert len(values("track_engagements", "session_id")) > 100
    assert min(len(values("events", column)) for column in ("cell_north", "cell_east")) > 5
    assert Decimal("30.00") in values("communities", "centre_latitude") > {None}
    played = values("registrar_artist_members", "instrument")
    assert played > {None}
    assert played <= {"drums", "bass", "guitar", "vocals", "electronics", None}


def test_the_first_golden_night_has_no_geofence_and_is_read_all_the_same(staged: World) -> None:
    states = """
        select from_night, centre_latitude from stg_communities_history
        where community_id = '00000002-0000-4000-8000-000000000001' order by from_night
    """
    assert staged.connection.sql(states).fetchall() == [
        (dt.date(2026, 1, 1), None),
        (dt.date(2026, 1, 2), Decimal("30.27")),
    ]
