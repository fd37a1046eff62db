"""Small random worlds for metrics, written as exports; they hold what breaks a naive query.

A world is a platform that changes over time. A snapshot table delivers what is there when its night ends, an
append table the rows of the days since the night before. Everything follows from the seed.
"""

import csv
import datetime as dt
import gzip
import hashlib
import io
import json
import random
import struct
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

Row = dict[str, Any]
HOUR = dt.timedelta(hours=1)
DAY = 24 * HOUR
MS = dt.timedelta(milliseconds=1)
HISTORY_DAYS = 120

# As in the exports contract; the columns of a row are always all of these.
COLUMNS = {
    "users": "id email username displayName password bio avatar coverImage latitude longitude city country "
    "isVerified createdAt updatedAt homeSceneCity homeSceneState homeSceneCommunity homeSceneTag gpsVerified "
    "tunedSceneId tunedSceneUpdatedAt collectionDisplayEnabled homeSceneId",
    "communities": "id name slug description coverImage avatar isPrivate memberCount createdById createdAt "
    "updatedAt geofence radius city isActive musicCommunity state tier",
    "community_members": "id userId communityId role joinedAt",
    "artist_bands": "id name slug entityType registrarEntryRef homeSceneId createdById createdAt updatedAt "
    "officialWebsiteUrl merchUrl musicUrl donationUrl sourceOriginCity sourceOriginState "
    "sourceOriginMusicCommunity bio avatar coverImage",
    "artist_band_members": "id artistBandId userId role createdAt headshotUrl",
    "sects": "id parentCommunityId name slug createdAt updatedAt requestRegistrarEntryId",
    "sect_tags": "id name status parentCommunityId createdAt updatedAt",
    "user_tags": "id userId sectTagId createdAt",
    "user_saved_scenes": "id userId communityId reason context savedAt updatedAt",
    "community_activation_audits": "id sceneId city state musicCommunity createdScene reanchoredSourceIds "
    "cutoverListenerIds savedAwaySceneCount activationNoticeCount thresholds createdAt",
    "registrar_entries": "id type status sceneId createdById artistBandId payload createdAt updatedAt "
    "sourceOriginCity sourceOriginState sourceOriginMusicCommunity",
    "registrar_artist_members": "id registrarEntryId name email city instrument existingUserId inviteStatus "
    "createdAt updatedAt claimedUserId inviteToken inviteTokenExpiresAt",
    "user_capability_grants": "id userId capability status sourceRegistrarEntryId sourceRegistrarCodeId "
    "grantedAt revokedAt createdAt updatedAt",
    "music_community_requests": "id userId requestedName requestedNameNormalized city cityNormalized state "
    "stateNormalized status createdAt updatedAt",
    "tracks": "id title artist album duration fileUrl coverArt waveformData uploadedById communityId "
    "playCount likeCount status createdAt updatedAt artistBandId",
    "track_engagements": "id userId trackId type score sessionId createdAt",
    "track_votes": "id userId trackId sceneId tier playbackSessionId createdAt",
    "rotation_entries": "id trackId sceneId pool enteredPoolAt lastPlayedAt recurrenceScore graduatedAt "
    "createdAt updatedAt newWindowDays",
    "release_deck_schedules": "id trackId communityId artistBandId scheduledFor assignmentMode requestedFor "
    "status capacitySnapshot createdById createdAt updatedAt",
    "fair_play_config": "id scope recurrenceRollingWindowDays newWindowBandLow newWindowBandHigh "
    "newWindowDefaultDays voteCooldownHours",
    "signals": "id type metadata communityId createdById createdAt",
    "signal_actions": "id type userId signalId createdAt",
    "collections": "id name userId createdAt",
    "collection_items": "id collectionId signalId createdAt",
    "follows": "id followerId entityType entityId createdAt",
    "events": "id title description coverImage startDate endDate locationName address latitude longitude "
    "communityId createdById attendeeCount maxAttendees createdAt updatedAt artistBandId",
    "event_attendances": "id userId eventId checkedInAt method createdAt",
    "proof_of_support": "id userId kind eventId artistBandId projectId status method verifiedAt revokedAt "
    "createdAt updatedAt",
    "projects": "id name communityId createdById status createdAt updatedAt",
    "project_supports": "id projectId userId kind createdAt",
    "pioneer_referrals": "id pioneerId recruitedUserId communityId createdAt",
    "activity_point_adjustments": "id userId points reason decidedById createdAt",
}
BORN = {
    "community_members": "joinedAt", "user_saved_scenes": "savedAt", "track_engagements": "createdAt",
    "track_votes": "createdAt", "signal_actions": "createdAt", "follows": "createdAt",
    "collection_items": "createdAt", "user_tags": "createdAt", "community_activation_audits": "createdAt",
    "event_attendances": "createdAt", "project_supports": "createdAt", "pioneer_referrals": "createdAt",
    "activity_point_adjustments": "createdAt",
}  # fmt: skip
REQUIRED = (
    "users", "communities", "tracks", "track_engagements", "signals", "signal_actions", "rotation_entries",
)  # fmt: skip
STARRED = (
    "event_attendances", "proof_of_support", "projects", "project_supports", "pioneer_referrals",
    "activity_point_adjustments",
)  # fmt: skip
JSON_COLUMNS = (
    "metadata", "payload", "thresholds", "reanchoredSourceIds", "cutoverListenerIds", "capacitySnapshot",
)  # fmt: skip
INTEGERS = (
    "memberCount", "score", "playCount", "likeCount", "newWindowDays", "recurrenceRollingWindowDays",
    "newWindowBandLow", "newWindowBandHigh", "newWindowDefaultDays", "voteCooldownHours", "attendeeCount",
    "maxAttendees", "points", "savedAwaySceneCount", "activationNoticeCount",
)  # fmt: skip
DOUBLES = ("latitude", "longitude", "duration", "recurrenceScore", "radius")
BOOLEANS = (
    "isVerified", "gpsVerified", "collectionDisplayEnabled", "isPrivate", "isActive", "createdScene",
)  # fmt: skip
FORMATS = ("csv", "csv.gz", "jsonl", "jsonl.gz", "parquet")
TYPES = ("skip", "partial", "majority", "full")  # by score
INSTRUMENTS = ("drums", "Bass, vocals", 'the "other" guitar', " DRUMS ", "voice", "kazoo", "")
SECTS = ("Basement", "basement ", "d-beat", "all ages, DIY", "Banjo", "banjo")


def write_world(exports_dir: Path, seed: int) -> list[dt.date]:
    """Write the exports of one world.

    Some worlds also hold a night after the last of the nights returned. It is not complete, so it waits.

    Returns:
        The nights written up to the one as of which everything is, oldest first.
    """
    world = World(seed)
    for make in (
        _communities, _users, _artists, _tracks, _rotation, _listening, _votes, _signals, _follows, _events,
        _sects, _memberships, _registrar, _settings, _participation, _departures,
    ):  # fmt: skip
        make(world)
    return Deliveries(world, exports_dir).write()


class World:
    """What happens on the platform: states of snapshot tables, and rows of append tables."""

    def __init__(self, seed: int) -> None:
        """Nothing has happened yet; only the times that matter are drawn."""
        self.rng = random.Random(f"metrics {seed}")  # noqa: S311
        rng = self.rng
        self.last_night = dt.date(2026, 3, 1) + dt.timedelta(days=rng.randrange(45))
        self.as_of = dt.datetime.combine(self.last_night, dt.time()) + DAY
        self.start = self.as_of - HISTORY_DAYS * DAY
        # Nights before windows, on their edges and just inside. The day before a window of N days is D - N.
        back = {
            0, rng.choice((1, 1, 2)), 7 + rng.choice((-1, 0, 0, 1)), rng.choice((3, 4, 11, 14)),
            30 + rng.choice((-1, 0, 0, 1)), 90 + rng.choice((-25, -1, 0, 0, 1)), rng.choice((2, 50, 105)),
        }  # fmt: skip
        if rng.random() < 0.5:
            back.add(rng.choice((5, 20, 61)))
        self.nights = sorted(self.last_night - dt.timedelta(days=days) for days in back)
        self.ends = [dt.datetime.combine(night, dt.time()) + DAY for night in self.nights]
        # By id, what a row was from when on; None: it is gone.
        self.states: dict[str, dict[str, list[tuple[dt.datetime, Row | None]]]] = {t: {} for t in COLUMNS}
        self.born: dict[str, list[Row]] = {table: [] for table in BORN}
        self.once: set[tuple[object, ...]] = set()
        self.strangers = [self.uid() for _ in range(2)]  # who act, but are in no snapshot
        self.acting: dict[str, tuple[dt.datetime, dt.datetime]] = {}  # when people act who do not always

    def uid(self) -> str:
        """A new id."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def put(self, table: str, since: dt.datetime, **columns: object) -> str:
        """A row that is in the snapshots from a moment on; returns its id."""
        row = dict.fromkeys(COLUMNS[table].split()) | {"id": self.uid()} | columns
        if "updatedAt" in row and row["updatedAt"] is None:
            row["updatedAt"] = row["createdAt"]
        assert set(row) == set(COLUMNS[table].split()), set(row) ^ set(COLUMNS[table].split())
        self.states[table].setdefault(row["id"], []).append((since, row))
        return row["id"]

    def change(self, table: str, identifier: str, at: dt.datetime, **columns: object) -> None:
        """A row is overwritten at a moment."""
        before = self.at(table, identifier, at)
        if before:
            self.states[table][identifier].append((at, before | columns))
            self.states[table][identifier].sort(key=lambda state: state[0])

    def remove(self, table: str, identifier: str, at: dt.datetime, back: dt.datetime | None = None) -> None:
        """A row that is there at a moment disappears, and may come back as it was."""
        before = self.at(table, identifier, at)
        if before is None:
            return
        kept = [state for state in self.states[table][identifier] if state[0] <= at]
        again = [(back, before)] if back else []
        self.states[table][identifier] = [*kept, (at, None), *again]

    def at(self, table: str, identifier: str, at: dt.datetime) -> Row | None:
        """What a row is at a moment."""
        found = [row for since, row in self.states[table][identifier] if since <= at]
        return found[-1] if found else None

    def there(self, table: str, at: dt.datetime | None = None) -> list[Row]:
        """The rows of a snapshot table at a moment; without one, all there ever are, as they were first."""
        if at is None:
            return [states[0][1] for states in self.states[table].values()]
        rows = [self.at(table, identifier, at - MS) for identifier in self.states[table]]
        return [row for row in rows if row]

    def happen(self, table: str, at: dt.datetime, once: Sequence[object] = (), **columns: object) -> None:
        """A row of an append table is made; not a second time for what is `once`, nor by who is quiet."""
        actor = columns.get("userId", columns.get("followerId"))
        since, until = self.acting.get(actor, (dt.datetime.min, dt.datetime.max))
        if not since <= at < until:
            return
        key = (table, *once)
        if once and key in self.once:
            return
        self.once.add(key)
        row = dict.fromkeys(COLUMNS[table].split()) | {"id": self.uid(), BORN[table]: at} | columns
        assert set(row) == set(COLUMNS[table].split())
        self.born[table].append(row)

    def sometime(self, since: dt.datetime | None = None, edges: float = 0.1) -> dt.datetime:
        """A moment of the recorded time, often exactly at the edge of a window; sometimes after as-of."""
        rng = self.rng
        if rng.random() < edges:
            days = rng.choice((0, 0, 7, 7, 14, 30, 30, 60, 90, 90))
            return self.as_of - days * DAY + rng.choice((-MS, 0 * MS, 0 * MS, MS))
        since = since or self.start
        # Half of all is from the last month.
        if rng.random() < 0.5:
            since = max(since, self.as_of - 32 * DAY)
        span = self.as_of + 8 * HOUR - since
        return since + MS * int(rng.random() * (span / MS))

    def some(self, share: float, value: Any) -> Any:
        """The value, or often enough null."""
        return value if self.rng.random() < share else None

    def anybody(self) -> str:
        """A person; some are far more active than others, a few are in no snapshot."""
        if self.rng.random() < 0.03:
            return self.rng.choice(self.strangers)
        return self.rng.choices(self.people, self.eagerness)[0]


# The platform, table by table


def _communities(world: World) -> None:
    """Scenes: two of one name, some without a part, one empty, one deleted, one new, one renamed."""
    rng, opened = world.rng, world.start - 200 * DAY
    places = [
        ("Austin", "Texas", "punk"), ("Austin", "Texas", "punk"), ("Dallas", "Texas", "punk"),
        ("Cleveland", "Ohio", "punk"), ("Toledo", "Ohio", "folk"), ("Portland", "Maine", "folk"),
    ]  # fmt: skip
    odd = [
        (None, "Maine", "folk"), ("Laredo", None, "punk"), ("Waco", "Texas", None),
        ("Austin", "Texas", "jazz"),
    ]  # fmt: skip
    places += rng.sample(odd, rng.randrange(1, 4))
    world.cities = [
        _community(world, "city", place, opened + number * DAY) for number, place in enumerate(places)
    ]
    # Nobody ever lives in the empty one. The new one is activated between two nights.
    world.empty = _community(world, "city", ("Dallas", "Texas", "jazz"), opened, is_active=False)
    world.activated = world.ends[-2] - rng.choice((5 * HOUR, 30 * DAY))
    world.new = _community(world, "city", ("Columbus", "Ohio", "punk"), world.activated)
    higher = [
        ("state", (None, "Texas", "punk")),
        ("state", (None, "Ohio", "folk")),
        ("state", (None, "Ohio", "punk")),
    ]
    higher += [("national", (None, None, "punk")), ("national", (None, None, "folk"))]
    if rng.random() < 0.4:
        higher += [("state", (None, "Texas", "punk")), ("national", (None, None, None))]
    world.higher = [_community(world, tier, place, opened) for tier, place in higher]
    world.gone = world.cities[2] if rng.random() < 0.6 else None
    if world.gone:
        world.remove("communities", world.gone, world.ends[rng.choice((-2, -3))])
    if rng.random() < 0.5:
        world.change("communities", world.cities[4], world.ends[rng.choice((1, -2))], musicCommunity="punk")
    world.change(
        "communities", world.cities[0], world.ends[-2], memberCount=rng.randrange(40), isActive=False
    )
    world.ghost = world.uid()  # a community that is in no snapshot


def _community(
    world: World, tier: str, place: tuple[str | None, ...], at: dt.datetime, *, is_active: bool = True
) -> str:
    rng = world.rng
    city, state, music = place
    point = struct.pack("<dd", -rng.uniform(70, 120), rng.uniform(25, 48)).hex().upper()
    return world.put(
        "communities", at, name=f'{city or state or "All"} "{music}"', slug=world.uid(),
        description="All ages,\nalways 🎸",
        isPrivate=False, memberCount=rng.randrange(30), createdById=world.uid(), createdAt=at,
        radius=world.some(0.7, 2.5e4),
        geofence=world.some(0.75, "0101000020E6100000" + point), city=city, state=state, musicCommunity=music,
        isActive=is_active, tier=tier,
    )  # fmt: skip


def _home(world: World) -> Row:
    """A home by id, by text, by both, or by something that is no scene."""
    rng = world.rng
    scene, other = (world.states["communities"][rng.choice(world.cities)][0][1] for _ in range(2))
    text = {
        "homeSceneCity": scene["city"], "homeSceneState": scene["state"],
        "homeSceneCommunity": scene["musicCommunity"],
    }  # fmt: skip
    kind = rng.random()
    if kind < 0.5:
        return text | {"homeSceneId": scene["id"]}
    if kind < 0.7:
        return text | {"homeSceneId": None}
    if kind < 0.78:
        return text | {"homeSceneId": other["id"]}
    if kind < 0.85:
        return text | {"homeSceneId": rng.choice([*world.higher, world.ghost])}
    if kind < 0.9:
        return text | {"homeSceneId": None, "homeSceneCity": "Nowhere"}
    return dict.fromkeys(text) | {"homeSceneId": None}


def _users(world: World) -> None:
    """People: they join, move, come to be verified."""
    rng = world.rng
    world.people = []
    for number in range(rng.randrange(30, 61)):
        created = world.start - rng.randrange(200) * DAY if rng.random() < 0.4 else world.sometime(edges=0.25)
        if created >= world.as_of:
            created -= 10 * DAY
        user = world.put(
            "users", created, email=f"member-{number}@example.invalid", username=f"member{number}",
            displayName=f'Zoë "{number}", 🎸', password=f"$2b$12$not-a-real-hash-{number}",
            latitude=world.some(0.5, 30.1),
            longitude=world.some(0.5, -97.2), isVerified=False, createdAt=created,
            gpsVerified=rng.random() < 0.5,
            collectionDisplayEnabled=rng.random() < 0.5, **_home(world),
        )  # fmt: skip
        world.people.append(user)
        for _ in range(rng.choice((0, 0, 0, 1, 1, 2))):
            moved = rng.choice(world.ends[:-1]) + rng.choice((-1, 1)) * HOUR
            world.change("users", user, moved, **_home(world), gpsVerified=rng.random() < 0.6)
    cut_over = rng.sample(world.people, 2)
    for user in cut_over:
        world.change("users", user, world.activated + HOUR, homeSceneId=world.new)
    world.cut_over = cut_over
    world.eagerness = [rng.lognormvariate(0, 1) for _ in world.people]
    # Some people never do anything, some stop, others begin late: windows differ in them.
    for user in world.people:
        turn = world.as_of - rng.choice((3, 7, 20, 30, 31, 40, 60, 91)) * DAY
        kind = rng.random()
        if kind < 0.1:
            world.acting[user] = (dt.datetime.max, dt.datetime.max)
        elif kind < 0.4:
            world.acting[user] = (dt.datetime.min, turn)
        elif kind < 0.55:
            world.acting[user] = (turn, dt.datetime.max)


def _artists(world: World) -> None:
    """Bands: some without a scene, some that move, one that goes."""
    rng = world.rng
    world.bands = []
    for number in range(rng.randrange(8, 13)):
        created = world.sometime(world.start - 60 * DAY, edges=0.3)
        if created >= world.as_of:
            created = world.start
        home = rng.choice([*world.cities, *world.cities, *world.higher[:1], None])
        band = world.put(
            "artist_bands", created, name=f"The Band, {number}", slug=f"band-{number}",
            entityType=rng.choice(("artist", "band")), homeSceneId=home, createdById=rng.choice(world.people),
            createdAt=created, sourceOriginCity="Austin", sourceOriginState="Texas",
            sourceOriginMusicCommunity="punk",
        )  # fmt: skip
        world.bands.append(band)
        for user in sorted({rng.choice([*world.people, *world.strangers]) for _ in range(rng.randrange(4))}):
            world.put(
                "artist_band_members", created, artistBandId=band, userId=user, role="member",
                createdAt=max(created, world.start),
            )  # fmt: skip
    moving = rng.sample(world.bands, 2)
    for band in moving:
        world.change("artist_bands", band, world.activated, homeSceneId=world.new)
    if rng.random() < 0.6:
        world.remove("artist_bands", world.bands[-1], world.ends[rng.choice((0, 2, -2))])
    world.nobodys_band = world.uid()  # a band that is in no snapshot
    if rng.random() < 0.7:
        # An old snapshot holds a band whose row says that it was made later. Clocks differ.
        world.put(
            "artist_bands", world.ends[0] - HOUR, name="Late", slug="late", entityType="band",
            homeSceneId=world.cities[0], createdById=world.people[0], createdAt=world.as_of + HOUR,
        )  # fmt: skip
    world.happen(
        "community_activation_audits", world.activated, sceneId=world.new, city="Columbus", state="Ohio",
        musicCommunity="punk", createdScene=True, reanchoredSourceIds=moving,
        cutoverListenerIds=world.cut_over,
        savedAwaySceneCount=0, activationNoticeCount=2, thresholds={"artists": 2},
    )  # fmt: skip


def _tracks(world: World) -> None:
    """Tracks: some without band or community, some that change them, one that goes."""
    rng = world.rng
    world.tracks = []
    for number in range(rng.randrange(30, 41)):
        created = world.start - rng.randrange(30) * DAY if rng.random() < 0.6 else world.sometime()
        if created >= world.as_of:
            created = world.start
        band = rng.choice([*world.bands, *world.bands[:3], *world.bands[:3], None, None, world.nobodys_band])
        track = world.put(
            "tracks", created, title=f"Song {number},\nPart Two", artist="someone", createdAt=created,
            duration=rng.choice((0.5, 180, 233.5, 241, 420, 1200)),
            fileUrl="https://files.example.invalid/x.mp3",
            uploadedById=rng.choice(world.people), playCount=0, likeCount=0, artistBandId=band,
            communityId=rng.choice([*world.cities, *world.cities, *world.higher[:1], None, world.ghost]),
            status=rng.choice(("ready",) * 6 + ("processing", "failed")),
        )  # fmt: skip
        world.tracks.append(track)
        if rng.random() < 0.2:
            changes = rng.choice((
                {"status": "failed"}, {"artistBandId": None}, {"communityId": rng.choice([*world.cities,
                None])}
            ))  # fmt: skip
            world.change("tracks", track, rng.choice(world.ends) - 2 * HOUR, **changes)
    world.lost_track = world.tracks[-1]
    if rng.random() < 0.6:
        world.remove("tracks", world.lost_track, world.ends[rng.choice((-2, -3))])
    world.fame = [rng.lognormvariate(0, 1) for _ in world.tracks]


def _rotation(world: World) -> None:
    """Entries that enter, graduate, leave and come back, some in scenes of higher tiers."""
    rng = world.rng
    world.entries = []
    for track in world.tracks:
        row = world.there("tracks")[world.tracks.index(track)]
        own = row["communityId"] if row["communityId"] in world.cities else rng.choice(world.cities)
        scenes = {own} if rng.random() < 0.85 else set()
        if rng.random() < 0.3:
            scenes.add(rng.choice([*world.cities, world.new]))
        if rng.random() < 0.45:
            scenes.add(rng.choice(world.higher))
        if rng.random() < 0.2:
            scenes.add(rng.choice(world.higher))
        for scene in sorted(scenes):
            _entry(world, track, scene)


def _entry(world: World, track: str, scene: str) -> None:
    rng, window = world.rng, world.rng.choice((7, 14, 14, 30))
    entered = world.sometime(world.start - 20 * DAY, edges=0.25)
    if rng.random() < 0.1:
        entered = world.as_of - window * DAY + rng.choice((-MS, 0 * MS, MS))  # due, or not yet
    made = entered - rng.choice((0, 0, 3 * 24, 40)) * HOUR
    since = min(made, world.as_of - HOUR)
    due = entered + window * DAY + rng.randrange(30) * HOUR
    identifier = world.put(
        "rotation_entries", since, trackId=track, sceneId=scene, pool="NEW_RELEASES", enteredPoolAt=entered,
        recurrenceScore=0.0, createdAt=made, newWindowDays=window,
    )  # fmt: skip
    world.entries.append(identifier)
    if rng.random() < 0.1:
        due = world.sometime(edges=1)
    if due < world.as_of and rng.random() < 0.85:
        world.change(
            "rotation_entries", identifier, due, pool="MAIN_ROTATION", graduatedAt=due, updatedAt=due,
            recurrenceScore=float(rng.randrange(20)),
        )  # fmt: skip
    odd = rng.random()
    if odd < 0.04:
        world.change(
            "rotation_entries", identifier, world.as_of - DAY, pool="MAIN_ROTATION", graduatedAt=None
        )
    elif odd < 0.08:
        world.change("rotation_entries", identifier, world.as_of - DAY, graduatedAt=world.as_of + HOUR)
    elif odd < 0.12:
        world.change("rotation_entries", identifier, world.as_of - DAY, pool="NEW_RELEASES")
    fate = rng.random()
    if fate < 0.35:
        left = rng.choice(world.ends[:-1]) + HOUR
        later = [end for end in world.ends if end > left + DAY]
        back = rng.choice(later) - HOUR if later and fate < 0.15 else None
        if world.at("rotation_entries", identifier, left):
            world.remove("rotation_entries", identifier, left, back)
            if back is None and fate < 0.2 and later:  # it comes back as another row
                again = rng.choice(later) - HOUR
                world.put(
                    "rotation_entries", again, trackId=track, sceneId=scene, pool="NEW_RELEASES",
                    enteredPoolAt=again, recurrenceScore=0.0, createdAt=again, newWindowDays=14,
                )  # fmt: skip


def _listening(world: World) -> None:
    """Sessions of several rows, some over midnight, or over the edge of a window; and hot hours."""
    rng = world.rng
    while len(world.born["track_engagements"]) < 1000:
        began, user = world.sometime(), world.anybody()
        if rng.random() < 0.1:
            began = began.replace(hour=23, minute=54)
        session = f"session {rng.randrange(10**6)}" if rng.random() < 0.95 else "session 0"
        at = began
        for _ in range(rng.choice((1, 1, 2, 3, 5, 8))):
            _listen(world, user, rng.choices(world.tracks, world.fame)[0], session, at)
            at += rng.choice((0, 1, 181_500, 240_000, 1_000_000)) * MS
    for _ in range(8):
        hour = world.sometime(world.as_of - 20 * DAY, edges=0).replace(minute=0, second=0, microsecond=0)
        track = rng.choice(world.tracks)
        for _ in range(rng.choice((2, 3, 4, 9))):
            at = hour + MS * rng.choice((0, 3_599_999, rng.randrange(3_600_000)))
            _listen(world, world.anybody(), track, world.uid(), at)
    for days in (0, 7, 14, 30, 60, 90, 180):
        for delay in (-MS, 0 * MS, MS):
            edge = world.as_of - days * DAY + delay
            _listen(world, world.anybody(), rng.choice(world.tracks), world.uid(), edge)
    _listen(world, world.anybody(), world.uid(), world.uid(), world.as_of - DAY)  # a track in no snapshot


def _listen(world: World, user: str, track: str, session: str, at: dt.datetime) -> None:
    score = world.rng.choices(range(4), (3, 2, 2, 5))[0]
    world.happen(
        "track_engagements", at, (user, track, session), userId=user, trackId=track, type=TYPES[score],
        score=score, sessionId=session,
    )  # fmt: skip


def _votes(world: World) -> None:
    """Votes, often where the track plays; and two hot hours in one scene."""
    rng = world.rng
    for _ in range(220):
        _vote(world, world.anybody(), rng.choice(world.cities), world.sometime())
    hour = (world.as_of - rng.randrange(1, 180) * HOUR).replace(minute=0)
    hour = hour.replace(second=0, microsecond=0)
    for scene, count in ((rng.choice(world.cities), rng.choice((10, 14))), (world.cities[0], 9)):
        before = len(world.born["track_votes"])
        while len(world.born["track_votes"]) < before + count:
            _vote(
                world, world.anybody(), scene, hour + MS * rng.choice((0, rng.randrange(3_600_000))), hot=True
            )
        hour += HOUR
    _vote(world, world.anybody(), rng.choice(world.higher), world.as_of - DAY)
    _vote(world, world.anybody(), world.new, world.as_of - MS)


def _vote(world: World, user: str, scene: str, at: dt.datetime, *, hot: bool = False) -> None:
    entry = world.rng.choice(world.there("rotation_entries"))
    if entry["sceneId"] in world.cities and not hot and world.rng.random() < 0.6:
        scene = entry["sceneId"]
    world.happen(
        "track_votes", at, (user, entry["trackId"], scene), userId=user, trackId=entry["trackId"],
        sceneId=scene,
        tier="city", playbackSessionId=world.uid(),
    )  # fmt: skip


def _signals(world: World) -> None:
    """Signals of many types, with and without an artist; what people do with them; their collections."""
    rng = world.rng
    kinds = (
        "single", "song", "SONG", "Track_Release", "flyer", "Flyer", "PROMOTION", "OFFER", "promotion",
        "merch",
    )  # fmt: skip
    world.signals = []
    for number in range(rng.randrange(60, 80)):
        at = world.sometime(edges=0.15)
        named = {"artistBandId": rng.choice([*world.bands, *world.bands[:3], world.bands[0]])}
        metadata = rng.choice(
            (named, named, named | {"title": "a, b"}, {"artistBandId": world.nobodys_band},
             {"artistBandId": None}, {"note": 'he said "loud"'}, {}, None)
        )  # fmt: skip
        # One made just after its snapshot's day: the export runs a little later.
        since = at if at < world.as_of else world.as_of - HOUR
        signal = world.put(
            "signals", since, type=rng.choice(kinds), metadata=metadata, createdAt=at,
            communityId=rng.choice([*world.cities, *world.cities, None, *world.higher[:1], world.ghost]),
            createdById=world.some(0.85, rng.choice(world.people)),
        )  # fmt: skip
        world.signals.append(signal)
        if number == 20:
            world.remove("signals", signal, world.ends[-2])
    heard = world.signals[15:]  # nobody acts on the others
    for _ in range(380):
        kind = rng.choices(("ADD", "BLAST", "RECOMMEND", "SUPPORT"), (6, 3, 1, 0.5))[0]
        _act(world, world.anybody(), rng.choice(heard), kind, world.sometime())
    for days in (0, 7, 30, 90):
        for delay in (-MS, 0 * MS):
            _act(world, world.anybody(), rng.choice(heard), "ADD", world.as_of - days * DAY + delay)
    _act(world, world.anybody(), world.uid(), "ADD", world.as_of - DAY)  # a signal in no snapshot
    collections = []
    for user in [*rng.sample(world.people, 15), world.strangers[0]]:
        for _ in range(rng.choice((1, 1, 2))):
            collections.append(
                world.put("collections", world.start, name='My "shelf"', userId=user, createdAt=world.start)
            )
    for _ in range(90):
        world.happen(
            "collection_items", world.sometime(), collectionId=rng.choice(collections),
            signalId=rng.choice(world.signals)
        )  # fmt: skip


def _act(world: World, user: str, signal: str, kind: str, at: dt.datetime) -> None:
    world.happen("signal_actions", at, (user, signal, kind), userId=user, signalId=signal, type=kind)


def _follows(world: World) -> None:
    """Follows of bands, under more than one entityType, of communities, and of other things."""
    rng = world.rng
    for _ in range(170):
        user, at = world.anybody(), world.sometime()
        kind = rng.choices(
            ("artistBand", "artist", "band", "community", "event", "Artist"), (6, 2, 2, 3, 1, 0.3)
        )[0]
        what = rng.choice([*world.bands, *world.bands[:4], world.nobodys_band])
        if kind == "community":
            what = rng.choice([*world.cities, *world.higher, world.ghost])
        world.happen("follows", at, (user, kind, what), followerId=user, entityType=kind, entityId=what)
        if rng.random() < 0.2 and kind == "artistBand":
            later = at + rng.choice((1, 20 * 24)) * HOUR
            if later < world.as_of:
                world.happen(
                    "follows", later, (user, "band", what), followerId=user, entityType="band", entityId=what
                )


def _events(world: World) -> None:
    """Events at edges of windows and of map cells, tours, and events still to come."""
    rng = world.rng
    world.events = []
    for _ in range(rng.randrange(20, 28)):
        begins = world.sometime(edges=0.2) + rng.choice((0, 0, 0, 9)) * DAY
        band = rng.choice([*world.bands, *world.bands[:3], None, None, world.nobodys_band])
        scene = rng.choice([*world.cities, *world.cities, world.new, *world.higher[:1], world.ghost])
        _event(world, begins, band, scene)
    # Runs of one band. The gap that just ends a run, and one a millisecond too long.
    for band in rng.sample(world.bands, 3):
        begins = world.as_of - rng.choice((7, 29, 30, 31, 90, 95)) * DAY
        for _ in range(rng.randrange(2, 5)):
            _event(world, begins, band, rng.choice(world.cities))
            begins += rng.choice((3 * DAY, 14 * DAY, 14 * DAY, 14 * DAY + MS))
    month = world.as_of.replace(day=1) if world.as_of.day > 1 else (world.as_of - DAY).replace(day=1)
    for begins in (
        month,
        month - MS,
        (month + 32 * DAY).replace(day=1),
        (month + 32 * DAY).replace(day=1) - MS,
    ):
        _event(world, begins, None, rng.choice(world.cities))
    world.remove("events", rng.choice(world.events), world.ends[-2])
    # An event exactly change_days before as-of.
    _event(world, world.as_of - 14 * DAY - 3 * HOUR, world.bands[0], world.cities[0])
    _event(world, world.as_of - 14 * DAY - 3 * HOUR + MS, world.bands[0], world.cities[0])


def _event(world: World, begins: dt.datetime, band: str | None, scene: str) -> None:
    rng = world.rng
    created = min(begins - rng.choice((2, 9, 30)) * DAY, world.sometime(edges=0.3))
    if rng.random() < 0.15:
        created = world.sometime(edges=1)
    world.events.append(world.put(
        "events", min(created, world.as_of - HOUR), title="Night 🎸, no. 1", description='Bring "ears"',
        startDate=begins,
        endDate=begins + rng.choice((0, 3, 3, 3, 30)) * HOUR, locationName="Hall, 1", address="1 Nowhere St",
        latitude=rng.choice((30.3, 0.3, 0.0, -0.05, -0.1, 30.299999, 41.7, 44.123456, 0.7)),
        longitude=rng.choice((-97.7, -97.75, -0.3, 0.6, -70.26, -81.7)), communityId=scene,
        createdById=rng.choice([*world.people, world.strangers[0]]), attendeeCount=0,
        maxAttendees=world.some(0.5, 100),
        createdAt=created, artistBandId=band,
    ))  # fmt: skip


def _sects(world: World) -> None:
    """Sects of equal names, with and without an official one; tags laid down by holders and by others."""
    rng = world.rng
    world.tags = []
    for number in range(rng.randrange(9, 15)):
        at = world.sometime(world.start - 40 * DAY, edges=0.2)
        scene = rng.choice([*world.cities, *world.cities, *world.higher[:1]])
        name = rng.choice(SECTS)
        tag = world.put(
            "sect_tags", min(at, world.as_of - HOUR), name=name, parentCommunityId=scene, createdAt=at,
            status=rng.choice(("active", "active", "incubating")),
        )  # fmt: skip
        world.tags.append(tag)
        if rng.random() < 0.3:
            official = world.sometime(edges=0.2)
            world.put(
                "sects", min(official, world.as_of - HOUR), parentCommunityId=rng.choice((scene,
                world.cities[0])),
                name=rng.choice((name, name.lower(), name.strip())), slug=f"sect-{number}",
                createdAt=official,
            )  # fmt: skip
        if rng.random() < 0.3:
            world.change("sect_tags", tag, world.ends[rng.choice((-1, -2))] - HOUR, status="active")
    world.remove("sect_tags", world.tags[-1], world.ends[-2])
    musicians = [row["userId"] for row in world.there("artist_band_members")]
    # One sect has nearly all musicians, so that it nears the threshold.
    for user in sorted(set(musicians)):
        if rng.random() < 0.9:
            _tag(world, user, world.tags[0], world.as_of - rng.randrange(1, 100) * DAY)
    for _ in range(110):
        user = rng.choice(musicians) if musicians and rng.random() < 0.3 else world.anybody()
        _tag(world, user, rng.choice(world.tags), world.sometime())
    _tag(world, world.anybody(), world.uid(), world.as_of - DAY)  # a sect in no snapshot


def _tag(world: World, user: str, tag: str, at: dt.datetime) -> None:
    world.happen("user_tags", at, (user, tag), userId=user, sectTagId=tag)


def _memberships(world: World) -> None:
    """Memberships, which are never taken back; saved scenes and requests, which no metric looks at."""
    rng = world.rng
    for _ in range(80):
        user, scene = world.anybody(), rng.choice([*world.cities, *world.higher])
        world.happen(
            "community_members",
            world.sometime(),
            (user, scene),
            userId=user,
            communityId=scene,
            role="member",
        )
    for _ in range(6):
        at, user, scene = world.sometime(), world.anybody(), rng.choice(world.cities)
        world.happen(
            "user_saved_scenes", at, (user, scene), userId=user, communityId=scene, reason="visited",
            context="", updatedAt=at,
        )  # fmt: skip
    world.put(
        "music_community_requests", world.start, userId=rng.choice(world.people), requestedName="Noise",
        city="Waco",
        requestedNameNormalized="noise", cityNormalized="waco", state="Texas", stateNormalized="texas",
        status="pending", createdAt=world.start,
    )  # fmt: skip


def _registrar(world: World) -> None:
    """Filings of all types, the people they name with their instruments, and capabilities."""
    rng = world.rng
    kinds = (
        "artist_band_registration",
        "artist_band_registration",
        "promoter_registration",
        "project_registration",
        "sect_motion",
        "sect_motion",
    )
    somebody = [*world.people, world.strangers[0]]
    for number in range(26):
        at = world.sometime(edges=0.2)
        kind = rng.choice(kinds)
        band = world.some(0.8, rng.choice([*world.bands, world.nobodys_band])) if kind == kinds[0] else None
        entry = world.put(
            "registrar_entries", min(at, world.as_of - HOUR), type=kind, createdAt=at, artistBandId=band,
            status=rng.choice(("submitted", "approved", "rejected", "materialized")),
            sceneId=rng.choice([*world.cities, *world.cities, world.higher[0], world.ghost]),
            createdById=rng.choice(world.people), payload=world.some(0.5, {"name": 'A "new" thing, 🎶'}),
        )  # fmt: skip
        if number == 3:
            world.remove("registrar_entries", entry, world.ends[-2])
        for _ in range(rng.randrange(1, 4) if kind == kinds[0] else 0):
            mates = [
                row["userId"] for row in world.there("artist_band_members") if row["artistBandId"] == band
            ]
            existing, claimed = world.some(0.4, rng.choice(somebody)), world.some(0.5, rng.choice(somebody))
            if mates and rng.random() < 0.4:
                claimed = rng.choice(mates)
            invited = world.sometime(edges=0.2)
            world.put(
                "registrar_artist_members", min(invited, world.as_of - HOUR), registrarEntryId=entry,
                name="Some One",
                email="invitee@example.invalid", city="Austin", instrument=rng.choice(INSTRUMENTS),
                createdAt=invited,
                existingUserId=existing, claimedUserId=claimed,
                inviteStatus="claimed" if claimed else "pending",
                inviteToken=None if claimed else "not-a-real-token",
            )  # fmt: skip
    for _ in range(14):
        at = world.sometime(edges=0.1)
        grant = world.put(
            "user_capability_grants", min(at, world.as_of - HOUR), userId=rng.choice([*somebody[:12],
            somebody[-1]]),
            capability=rng.choice(("promoter_capability", "promoter_capability", "promoter_capability",
            "artist_band")),
            status=rng.choice(("active", "active", "revoked")), grantedAt=at, createdAt=at,
        )  # fmt: skip
        if rng.random() < 0.2:
            world.change(
                "user_capability_grants",
                grant,
                world.ends[-2] + HOUR,
                status="revoked",
                revokedAt=world.ends[-2],
            )
    # Promoters make events, too.
    promoters = [row["userId"] for row in world.there("user_capability_grants")]
    for event in rng.sample(world.events, 6):
        for number, (since, row) in enumerate(world.states["events"][event]):
            if row:
                world.states["events"][event][number] = (since, row | {"createdById": rng.choice(promoters)})


def _settings(world: World) -> None:
    """The one row of settings, which changes in place; and the deck for releases."""
    rng = world.rng
    config = world.put(
        "fair_play_config", world.start, scope="global", recurrenceRollingWindowDays=world.some(0.5, 14),
        newWindowBandLow=world.some(0.5, 10), newWindowBandHigh=None, newWindowDefaultDays=14,
        voteCooldownHours=12,
    )  # fmt: skip
    for _ in range(rng.randrange(3)):
        changes = rng.choice((
            {"newWindowBandLow": rng.randrange(30)}, {"newWindowBandHigh": 90}, {"voteCooldownHours": 24},
            {"newWindowDefaultDays": 7},
        ))  # fmt: skip
        world.change("fair_play_config", config, rng.choice(world.ends) - HOUR, **changes)
    entries = {
        row["trackId"]: row for row in world.there("rotation_entries") if row["sceneId"] in world.cities
    }
    for track in rng.sample(sorted(entries), min(14, len(entries))):
        entered = entries[track]["enteredPoolAt"]
        created = entered - rng.choice((0, 5, 50, 200)) * HOUR
        deck = world.put(
            "release_deck_schedules", min(created, world.as_of - HOUR), trackId=track, createdAt=created,
            communityId=rng.choice((entries[track]["sceneId"], entries[track]["sceneId"],
            rng.choice(world.cities))),
            artistBandId=rng.choice(world.bands), scheduledFor=entered,
            assignmentMode=rng.choice(("soonest", "chosen")),
            requestedFor=world.some(0.6, entered + rng.choice((-300, -26, -24, 2, 60)) * HOUR),
            status=rng.choice(("scheduled", "ingested")), capacitySnapshot=world.some(0.5, {"slots": 5}),
            createdById=rng.choice(world.people),
        )  # fmt: skip
        if rng.random() < 0.3:
            world.change("release_deck_schedules", deck, world.ends[-2], status="ingested")


def _participation(world: World) -> None:
    """The tables that not every installation exports."""
    rng = world.rng
    over = [row for row in world.there("events") if row["startDate"] < world.as_of]
    for _ in range(130):
        event = rng.choice(over)
        user, method = world.anybody(), rng.choice(("qr_scan", "qr_scan", "location", "manual"))
        at = event["startDate"] + rng.choice((-1, 0, 1, 2, 5, 40)) * HOUR + MS * rng.randrange(1000)
        noted = at + rng.choice((0, 2, 2, 3600 * 5)) * 1000 * MS
        if noted < world.as_of and rng.random() < 0.95:
            world.happen(
                "event_attendances", noted, (user, event["id"], method), userId=user, eventId=event["id"],
                checkedInAt=at, method=method,
            )  # fmt: skip
    for days in (0, 7, 30, 90):
        for delay in (-MS, 0 * MS):
            at, user, event = world.as_of - days * DAY + delay, world.anybody(), rng.choice(over)["id"]
            world.happen(
                "event_attendances", at, (user, event, "location"), userId=user, eventId=event,
                checkedInAt=at,
                method="location",
            )  # fmt: skip
    world.happen(
        "event_attendances", world.as_of - DAY, userId=world.anybody(), eventId=world.uid(), method="qr_scan",
        checkedInAt=world.as_of - DAY,
    )  # fmt: skip
    projects = [
        world.put(
            "projects", at, name="Project, 1", communityId=rng.choice([*world.cities, world.higher[0]]),
            createdById=rng.choice(world.people), status=rng.choice(("active", "completed", "cancelled")),
            createdAt=at,
        )
        for at in (min(world.sometime(), world.as_of - MS) for _ in range(5))
    ]  # fmt: skip
    for _ in range(30):
        user, project, kind = (
            world.anybody(),
            rng.choice(projects),
            rng.choice(("contribution", "labor", "promotion")),
        )
        world.happen(
            "project_supports",
            world.sometime(edges=0.2),
            (user, project, kind),
            userId=user,
            projectId=project,
            kind=kind,
        )
    for _ in range(36):
        filed = min(world.sometime(), world.as_of - 2 * HOUR)
        proof = world.put(
            "proof_of_support", filed, userId=world.anybody(), kind=rng.choice(("attendance", "ticket",
            "merch", "donation")),
            eventId=world.some(0.5, rng.choice(over)["id"]), artistBandId=world.some(0.5,
            rng.choice(world.bands)),
            projectId=world.some(0.3, rng.choice(projects)), status="pending", createdAt=filed,
            method=rng.choice(("qr_scan", "location", "artist_confirmation")),
        )  # fmt: skip
        decided = max(filed, world.sometime(edges=0.4))
        if rng.random() < 0.8:
            since = min(decided, world.as_of - HOUR)
            world.change(
                "proof_of_support", proof, since, status="verified", verifiedAt=decided, updatedAt=decided
            )
            if rng.random() < 0.2:
                taken = rng.choice(world.ends) - HOUR
                if taken > since:
                    world.change(
                        "proof_of_support", proof, taken, status="revoked", revokedAt=taken, updatedAt=taken
                    )
        elif rng.random() < 0.5:
            world.change("proof_of_support", proof, min(decided, world.as_of - HOUR), status="rejected")
    for user in rng.sample(world.people, 6):
        world.happen(
            "pioneer_referrals", world.sometime(edges=0), pioneerId=world.anybody(), recruitedUserId=user,
            communityId=rng.choice(world.cities),
        )  # fmt: skip
    for _ in range(5):
        world.happen(
            "activity_point_adjustments", world.sometime(), userId=world.anybody(), points=rng.choice((-25,
            5, 10)),
            reason="counted twice", decidedById=world.people[0],
        )  # fmt: skip


def _departures(world: World) -> None:
    """One or two people leave; in some worlds another is missing from one night. Some rows of theirs stay."""
    rng = world.rng
    leaving = rng.sample(world.people, rng.choice((1, 2, 2)))
    for user in leaving:
        left = world.ends[rng.choice((-2, -2, -3))] + HOUR
        world.remove("users", user, left)
        for table in ("collections", "artist_band_members", "user_capability_grants"):
            for row in world.there(table, left):
                if row["userId"] == user and rng.random() < 0.6:
                    world.remove(table, row["id"], left)
    if rng.random() < 0.4:
        user = rng.choice([person for person in world.people if person not in leaving])
        world.remove("users", user, world.ends[-3] + HOUR, back=world.ends[-2] + HOUR)


# What is delivered of it


class Deliveries:
    """Cuts a world into nights and writes them, in whatever form comes up."""

    def __init__(self, world: World, exports_dir: Path) -> None:
        """Decide which table comes on which night."""
        self.world, self.exports_dir, self.rng = world, exports_dir, world.rng
        rng, last = world.rng, world.last_night
        self.nights = list(world.nights)
        self.after = last + dt.timedelta(days=1) if rng.random() < 0.8 else None
        absent = set(rng.sample(STARRED, rng.choice((0, 0, 0, 1, 2))))
        if rng.random() < 0.08:
            absent = set(STARRED)
        self.delivered: dict[str, list[dt.date]] = {}
        for table in COLUMNS:
            if table in absent:
                continue
            nights = [
                night for night in self.nights if (night == last and table in REQUIRED) or rng.random() > 0.12
            ]
            if table in STARRED and rng.random() < 0.2:
                nights = nights[-2:]  # it is exported since lately
            nights = nights or [last]
            if self.after and (table not in REQUIRED or rng.random() < 0.6):
                nights.append(self.after)
            self.delivered[table] = nights
        if self.after and all(self.after in self.delivered[table] for table in REQUIRED):
            self.delivered["tracks"].remove(self.after)

    def write(self) -> list[dt.date]:
        """Write everything; returns the nights up to as-of."""
        for table in self.delivered:
            by_night = self._born(table) if table in BORN else self._snapshots(table)
            for night, rows in by_night.items():
                self._write_night(table, night, rows)
        return [night for night in self.nights if any(night in nights for nights in self.delivered.values())]

    def _snapshots(self, table: str) -> dict[dt.date, list[Row]]:
        found = {}
        for night in self.delivered[table]:
            found[night] = self.world.there(table, _end(night))
            self.rng.shuffle(found[night])
        return found

    def _born(self, table: str) -> dict[dt.date, list[Row]]:
        """Rows come with the first night delivered from their day on; late, again, corrected or never."""
        rng, nights = self.rng, self.delivered[table]
        found: dict[dt.date, list[Row]] = {night: [] for night in nights}
        for row in self.world.born[table]:
            later = [night for night in nights if night >= row[BORN[table]].date()]
            if not later or (
                later[0] != row[BORN[table]].date() and later[0] != nights[0] and rng.random() < 0.05
            ):
                continue
            if rng.random() < 0.04:
                later = later[rng.randrange(len(later)) :]  # late
            chance = rng.random()
            if chance < 0.05:
                found[rng.choice(later)].append(row)  # delivered again, unchanged
            elif chance < 0.08 and table in CORRECTED and len(later) > 1:
                found[rng.choice(later[1:])].append(row | CORRECTED[table](rng, self.world))
            found[later[0]].append(row)
        return found

    def _write_night(self, table: str, night: dt.date, rows: list[Row]) -> None:
        rng = self.rng
        if rows and rng.random() < 0.1:
            rows = [*rows, rng.choice(rows)]  # one row twice
        cut = rng.randrange(len(rows) + 1) if rng.random() < 0.15 else len(rows)
        folder = self.exports_dir / table / night.isoformat()
        folder.mkdir(parents=True, exist_ok=True)
        stated = {}
        for number, part in enumerate(
            part for part in (rows[:cut], rows[cut:]) if part or cut == len(rows) == 0
        ):
            form = rng.choice(FORMATS)
            path = folder / f"part-{number:04}.{form}"
            _write_part(path, table, part, rng)
            stated[path.name] = {"rows": len(part), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        if rng.random() < 0.2:
            (folder / "_manifest.json").write_text(json.dumps({"parts": stated}))


CORRECTED: dict[str, Callable[[random.Random, World], Row]] = {
    "track_engagements": lambda rng, _: rng.choice(
        ({"type": "full", "score": 3}, {"type": "skip", "score": 0})
    ),
    "signal_actions": lambda *_: {"type": "RECOMMEND"},
    "track_votes": lambda rng, world: {"sceneId": rng.choice(world.cities)},
    "event_attendances": lambda *_: {"method": "manual"},
    "follows": lambda rng, world: {"entityId": rng.choice(world.bands)},
}


def _end(night: dt.date) -> dt.datetime:
    return dt.datetime.combine(night, dt.time()) + DAY


def _write_part(path: Path, table: str, rows: list[Row], rng: random.Random) -> None:
    """One part in the form that its name says; the order of columns changes, and a column may be new."""
    columns = COLUMNS[table].split()
    if rng.random() < 0.3:
        rng.shuffle(columns)
    if rng.random() < 0.1:
        columns.append("newColumn")
    content = b""
    if ".csv" in path.name:
        content = _csv(columns, rows)
    elif ".jsonl" in path.name:
        is_nested = rng.random() < 0.5
        lines = ({c: _json_value(c, row.get(c), is_nested) for c in columns} for row in rows)
        content = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
    else:
        _parquet(path, columns, rows)
        return
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def _csv(columns: list[str], rows: Iterable[Row]) -> bytes:
    """As PostgreSQL writes it: null is an empty field, the empty string is quoted."""

    def field(column: str, value: object) -> str:
        text = _text(column, value)
        if text is None:
            return ""
        quoted = text == "" or any(mark in text for mark in ',"\n\r')
        return '"' + text.replace('"', '""') + '"' if quoted else text

    head = io.StringIO()
    csv.writer(head, lineterminator="\n").writerow(columns)
    lines = (",".join(field(column, row.get(column)) for column in columns) + "\n" for row in rows)
    return (head.getvalue() + "".join(lines)).encode()


def _text(column: str, value: object) -> str | None:
    if value is None:
        return None
    if column in JSON_COLUMNS:
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, dt.datetime):
        return value.isoformat(" ", "milliseconds").removesuffix(".000")
    return str(value)


def _json_value(column: str, value: object, is_nested: bool) -> object:
    if column in JSON_COLUMNS and value is not None:
        return value if is_nested else json.dumps(value)
    return value.isoformat("T", "milliseconds") if isinstance(value, dt.datetime) else value


def _parquet(path: Path, columns: list[str], rows: list[Row]) -> None:
    """Typed columns, whatever the rows hold."""
    texts = pd.DataFrame(
        [[_text(column, row.get(column)) for column in columns] for row in rows], columns=columns, dtype="str"
    )
    kinds = (
        (INTEGERS, "integer"), (DOUBLES, "double"), (BOOLEANS, "boolean"),
    )  # fmt: skip
    typed = []
    for column in columns:
        kind = next((kind for names, kind in kinds if column in names), "varchar")
        kind = "timestamp" if column.endswith(("At", "Date", "For")) else kind
        typed.append(f'"{column}"::{kind} as "{column}"')
    with duckdb.connect() as connection:
        connection.execute("set threads = 1")
        connection.from_df(texts).project(", ".join(typed)).write_parquet(str(path))
