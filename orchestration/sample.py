"""A made-up community platform of any size, written as its nightly exports.

For the first run, for tests and for benchmarks. Everything follows from the seed: the same arguments give the
same bytes. Until a table is complete its times are integers (milliseconds since 1970, UTC), and it refers to
other things by their position, negative for none.
"""

import datetime as dt
import json
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from orchestration.exports import FORMATS


@dataclass(frozen=True)
class SampleSize:
    """How much there is of everything; what is not named here grows with these.

    Attributes:
        members: users, those included who join during the nights; at least 40.
        scenes: communities of tier city; at least 4. A state and a national one come on top.
        tracks: tracks; at least 20.
        engagements: rows of track_engagements, all nights together; at least 500.
        actions: rows of signal_actions, all nights together; at least 100.
        nights: nights exported.
        history_days: days of activity before the first night, all of them delivered with it.
    """

    members: int = 400
    scenes: int = 8
    tracks: int = 120
    engagements: int = 20_000
    actions: int = 3_000
    nights: int = 7
    history_days: int = 120


DEFAULT_SIZE = SampleSize()
SMALLEST = SampleSize(members=40, scenes=4, tracks=20, engagements=500, actions=100, nights=1, history_days=1)
LAST_NIGHT = dt.date(2026, 1, 18)

FAULT_ROWS = {
    "late": {"track_engagements": 5, "signal_actions": 3, "follows": 2},
    "duplicate": {"track_engagements": 6, "signal_actions": 4, "users": 1},
    "corrected": {"track_engagements": 2, "signal_actions": 2},
    "broken": {"track_engagements": 5, "signal_actions": 3, "users": 1},
}

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
    "fair_play_config": "id scope recurrenceRollingWindowDays maxTracksPerArtist voteCooldownHours",
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
PARTICIPATION = {
    "event_attendances", "proof_of_support", "projects", "project_supports", "pioneer_referrals",
    "activity_point_adjustments",
}  # fmt: skip
BORN = {  # the append tables, and which column says when a row came to be
    "community_members": "joinedAt", "user_saved_scenes": "savedAt", "track_engagements": "createdAt",
    "track_votes": "createdAt", "signal_actions": "createdAt", "follows": "createdAt",
    "collection_items": "createdAt", "user_tags": "createdAt", "community_activation_audits": "createdAt",
    "event_attendances": "createdAt", "project_supports": "createdAt", "pioneer_referrals": "createdAt",
    "activity_point_adjustments": "createdAt",
}  # fmt: skip
JSON_COLUMNS = {
    "metadata", "payload", "thresholds", "reanchoredSourceIds", "cutoverListenerIds", "capacitySnapshot",
}  # fmt: skip
REFERS_TO = {
    "userId": "users", "createdById": "users", "uploadedById": "users", "followerId": "users",
    "pioneerId": "users", "recruitedUserId": "users", "decidedById": "users", "existingUserId": "users",
    "claimedUserId": "users", "communityId": "communities", "parentCommunityId": "communities",
    "sceneId": "communities", "homeSceneId": "communities", "tunedSceneId": "communities",
    "artistBandId": "artist_bands", "trackId": "tracks", "sectTagId": "sect_tags", "signalId": "signals",
    "registrarEntryId": "registrar_entries", "sourceRegistrarEntryId": "registrar_entries",
    "collectionId": "collections", "eventId": "events", "projectId": "projects",
}  # fmt: skip

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
NEVER, FOREVER = np.iinfo(np.int64).min, np.iinfo(np.int64).max  # numpy stores "no time" as NEVER
SPLIT_ROWS = 10_000  # a night with more rows comes in two parts
WINDOW = 14 * DAY  # of recurrence
JOB_EARLIEST, JOB_SPREAD = 20 * HOUR, 190 * MINUTE  # late in the day, what follows it included

# Evenings in the middle of North America are early mornings in UTC.
HOURS = np.array([9, 10, 9, 7, 5, 3, 2, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 5, 6, 8], dtype=float)
# Two scenes of one name, one without a state, and one that is activated during the nights (NEW_SCENE).
PLACES = [
    ("Austin", "Texas", "punk"), ("Austin", "Texas", "punk"), ("Laredo", None, "punk"),
    ("Nashville", "Tennessee", "punk"), ("Houston", "Texas", "punk"), ("Austin", "Texas", "hip-hop"),
    ("Memphis", "Tennessee", "hip-hop"), ("Nashville", "Tennessee", "folk"),
]  # fmt: skip
NEW_SCENE = 3
TRAPS = 8  # signals that only the traps act on

HOME_TEXT = ("homeSceneCity", "homeSceneState", "homeSceneCommunity")
ADJECTIVES = ("Quiet", "Broken", "Velvet", "Loud", "Electric", "Paper", "Lone", 'So-Called "Free"', "Café")
NOUNS = ("Sirens", "Porch, The", "Engines", "Wolves", "Motels 🎸", "Parade", "Rivers", "Alibis", "Ghosts")
TAGS = ("basement", "d-beat", "all ages, DIY", "boom bap", "banjo")
BIOS = (None, "", "Here for the music.", 'Says "hi",\nand means it 🎶', "bass; drums, sometimes")


def write_sample(
    exports_dir: Path,
    size: SampleSize = DEFAULT_SIZE,
    *,
    seed: int = 1,
    last_night: dt.date = LAST_NIGHT,
    formats: Sequence[str] = ("csv",),
    participation: bool = True,
    faults: Collection[str] = (),
) -> list[dt.date]:
    """Write the exports of a made-up platform; the parts of a night written before are replaced.

    Faults change no other row. All of them arrive with the last night; `FAULT_ROWS` counts them:

    - late: 5 engagements, 3 signal actions and 2 follows of an earlier night arrive with the last one.
    - duplicate: 3 engagements and 2 signal actions of earlier nights are delivered again, identical; another
      3 engagements, 2 signal actions and 1 user stand twice in one part. 11 rows more than without.
    - corrected: 2 engagements (partial, of tracks in no rotation) are delivered again as full with score 3,
      and 2 signal actions (ADD) as RECOMMEND. 4 rows more than without.
    - broken: 5 engagements more: a null id, a score that is no number, an unknown type, a score impossible
      for its type, one after the end of its night; 3 signal actions more: a null id, an unknown type, one
      after the end of its night; 1 user more: a null id.

    Args:
        exports_dir: where the folders of the tables go.
        size: how much of everything.
        seed: another one gives another platform.
        last_night: the last night exported.
        formats: used in turn over tables, nights and parts.
        participation: whether this installation exports the participation tables.
        faults: which of `FAULT_ROWS` to plant.

    Returns:
        The nights written, oldest first.

    Raises:
        ValueError: unknown formats or faults, or too small a size for the sample or its faults.
    """
    if unknown := (set(formats) - set(FORMATS)) | (set(faults) - set(FAULT_ROWS)):
        raise ValueError(f"not known: {', '.join(sorted(unknown))}")
    if small := [name for name, least in vars(SMALLEST).items() if getattr(size, name) < least]:
        raise ValueError(f"too small: {', '.join(small)}; the smallest is {SMALLEST}")
    nights = [last_night - dt.timedelta(days=back) for back in reversed(range(size.nights))]
    world = World(size, seed, nights)
    for add_domain in DOMAINS:
        add_domain(world)
    _plant_faults(world, faults)
    with duckdb.connect() as connection:
        # One thread, so that the bytes are always the same.
        connection.execute("set threads = 1; set preserve_insertion_order = true")
        for number, name in enumerate(COLUMNS):
            if participation or name not in PARTICIPATION:
                in_turn = [formats[(number + k) % len(formats)] for k in range(len(formats))]
                _write_table(connection, world, name, exports_dir / name, in_turn)
    return nights


@dataclass
class World:
    """The tables made so far, and the times that matter.

    In `tables`, the rows of a snapshot table are the states of things, each holding after `_from` and up to
    `_to`; the rows of an append table say in `_night` with which night they arrive. `base` has the first
    states, for others to refer to by position; the positions a table refers to are kept under `_<column>`.
    """

    size: SampleSize
    seed: int
    nights: list[dt.date]
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    base: dict[str, pd.DataFrame] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Derive the times."""
        self.first = int(np.datetime64(self.nights[0], "ms").astype(np.int64))
        self.ends = [self.first + (night + 1) * DAY for night in range(self.size.nights)]
        self.end = self.ends[-1]
        self.start = self.first - self.size.history_days * DAY  # of recorded activity
        self.opened = self.start - 300 * DAY
        # Things change in place after the first night if there are more, so that it shows.
        self.changing = min(self.first + DAY, self.end - DAY)
        self.activated = self.first + min(2, self.size.nights - 1) * DAY + 15 * HOUR

    def rng(self, purpose: str) -> np.random.Generator:
        """Random numbers that do not depend on what else was made before."""
        return np.random.default_rng([self.seed, zlib.crc32(purpose.encode())])

    def add(self, name: str, columns: dict[str, object], once: str = "") -> None:
        """Complete a table with ids and nulls; a column beginning with `_` is not exported.

        Rows that never came to be, or only after the last night, are left out, as are those that repeat the
        columns in `once`.
        """
        rows = max(len(v) for v in columns.values() if hasattr(v, "__len__") and not isinstance(v, str))
        born = BORN.get(name, "createdAt")
        ids = _uuids(self.rng(f"{name} id"), rows)
        columns = {"id": ids, "_from": columns.get(born, 0), "_to": FOREVER} | columns
        if "updatedAt" in COLUMNS[name]:
            columns.setdefault("updatedAt", columns[born])
        positions = {f"_{c}": v for c, v in columns.items() if c in REFERS_TO and v.dtype.kind == "i"}
        columns = dict.fromkeys(COLUMNS[name].split()) | columns | positions
        frame = pd.DataFrame({c: self.typed(c, values, rows) for c, values in columns.items()})
        frame = frame[(frame["_from"] > NEVER) & (frame["_from"] < self.end)]
        if once:
            frame = frame.drop_duplicates(once.split())
        if name in BORN:
            frame = frame.sort_values(born, kind="stable")
            frame["_night"] = np.maximum((frame["_from"] - self.first) // DAY, 0)
        self.tables[name] = self.base[name] = frame.reset_index(drop=True)

    def revise(self, name: str, rows: np.ndarray, at: np.ndarray | int, **changes: object) -> None:
        """Overwrite rows of a snapshot table in place at a moment: the old state ends, a new one begins."""
        frame = self.tables[name].copy()
        later = frame.iloc[rows].copy()
        frame.iloc[rows, frame.columns.get_loc("_to")] = at
        changes = {"_from": at} | ({"updatedAt": at} if "updatedAt" in frame else {}) | changes
        for column, values in changes.items():
            later[column] = self.typed(column, values, len(later))
        self.tables[name] = pd.concat([frame, later], ignore_index=True)

    def typed(self, column: str, values: object, rows: int) -> object:
        """Values as a column of their type, which for references and times its name tells."""
        if isinstance(values, pd.api.extensions.ExtensionArray):
            return values
        if values is None or isinstance(values, str | list):
            values = np.array(values if isinstance(values, list) else [values] * rows, dtype=object)
        elif not isinstance(values, np.ndarray):
            values = np.full(rows, values)
        if column in REFERS_TO and values.dtype.kind == "i":
            values = self.ids(REFERS_TO[column], values)
        if column.endswith(("At", "Date", "For")):
            return (np.full(rows, NEVER) if values.dtype == object else values).astype("datetime64[ms]")
        return pd.array(values.astype(object), dtype="str") if values.dtype.kind in "OU" else values

    def ids(self, name: str, index: np.ndarray) -> np.ndarray:
        """The ids of the things at these positions; none where the position is negative."""
        ids = np.append(self.base[name]["id"].to_numpy(object), None)
        return ids[np.where(index < 0, len(ids) - 1, index)]

    def column(self, name: str, column: str) -> np.ndarray:
        """A column of a table's first states; times as integers, texts as objects."""
        values = self.base[name][column]
        return _ms(values) if values.dtype.kind == "M" else values.to_numpy()

    def members(self, rng: np.random.Generator, scene: np.ndarray) -> np.ndarray:
        """Members, most of them of these scenes; some are far more active than others."""
        activity = self.rng("activity").lognormal(0, 1, self.size.members)
        pool = Pool(self.column("users", "_scene"), activity)
        return pool.draw(rng, np.where(rng.random(len(scene)) < 0.85, scene, -1))

    def anybody(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Members of any scene."""
        return self.members(rng, np.full(count, -1))

    def when(self, rng: np.random.Generator, user: np.ndarray, since: np.ndarray | int) -> np.ndarray:
        """A moment for each user's act; NEVER if they were not there, or if it is too late for it."""
        since = np.broadcast_to(since, user.shape)
        at = _moments(rng, since, self.end)
        return np.where((since < self.end) & self.there(user, at), at, NEVER)

    def sometime(self, rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
        """When each of these changes."""
        return _moments(rng, np.full(len(rows), self.changing), self.end)

    def there(self, user: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Whether the users were members at these times."""
        created, left = self.column("users", "createdAt"), self.column("users", "_left")
        return (created[user] < at) & (at < left[user])


class Pool:
    """Things to draw from by weight, each belonging to a scene."""

    def __init__(self, scene: np.ndarray, weight: np.ndarray) -> None:
        """Group the things by scene."""
        self._order = np.argsort(scene, kind="stable")
        self._scenes = scene[self._order]
        self._sums = np.concatenate([[0.0], np.cumsum(weight[self._order])])

    def draw(self, rng: np.random.Generator, scene: np.ndarray) -> np.ndarray:
        """One thing of each given scene; of any, where the scene is negative or has none."""
        low = self._sums[np.searchsorted(self._scenes, scene, "left")]
        high = self._sums[np.searchsorted(self._scenes, scene, "right")]
        anywhere = (scene < 0) | (low == high)
        low, high = np.where(anywhere, 0, low), np.where(anywhere, self._sums[-1], high)
        drawn = np.searchsorted(self._sums, low + rng.random(len(scene)) * (high - low), "right") - 1
        return self._order[np.clip(drawn, 0, len(self._order) - 1)]


def _places(count: int) -> np.ndarray:
    """City, state and music community of each scene, then of a state and of the nation."""
    numbers = range(len(PLACES), count)
    more = [(f"{PLACES[k % 8][0]} {k // 8}", PLACES[k % 8][1], PLACES[k % 7][2]) for k in numbers]
    places = [*PLACES, *more][:count]
    return np.array([*places, (None, "Texas", "punk"), (None, None, "punk")], dtype=object).T


def _people(world: World) -> None:
    """Scenes and users. Homes are given by id, by text alone, or not at all, and some change."""
    rng, count, n = world.rng("people"), world.size.scenes, world.size.members
    city, state, music = places = _places(count)
    _scenes(world, *places)
    i = np.arange(n)
    weights = 1 / (1 + np.arange(count))
    weights[1:3] *= 0.3
    weights[NEW_SCENE] = 0
    scene = rng.choice(count, n, p=weights / weights.sum())
    created = _ages(rng, world, n, before=0.7, during=0.06)
    created[:9] = world.opened + i[:9] * SECOND
    cutover = np.arange(n // 3, n // 3 + max(3, n // 60))  # they wait for a scene of their own
    movers = np.arange(n // 2, n // 2 + max(3, n // 50))
    gains = np.arange(n * 3 // 5, n * 3 // 5 + max(3, n // 50))
    leavers = n * 2 // 5 + np.arange(2 if n >= 300 and world.size.nights > 1 else 0)
    scene[cutover] = 0
    stale = (rng.random(n) < 0.03) & (i > n * 3 // 4)
    text = np.where(stale, 0, np.where(np.isin(i, cutover), NEW_SCENE, scene))
    unmigrated = ((i > 7) & (i < n // 5) & (rng.random(n) < 0.5)) | (i == 4) | (i == 5)
    nowhere = (i == 6) | ((i > 7) & (rng.random(n) < 0.03) & ~np.isin(i, cutover))
    elsewhere = unmigrated & ((i % 4 == 1) | (i == 5))
    where = np.where(elsewhere, "Waco", city[text])  # where there is no scene
    home = np.where(unmigrated | nowhere, -1, np.where(i == 7, count, scene))  # one lives in a state
    visited = rng.integers(0, NEW_SCENE, n)
    tuned = np.where(rng.random(n) < 0.5, visited, -1)
    left = np.full(n, FOREVER)
    left[leavers] = world.sometime(rng, leavers)
    world.add("users", {
        "email": _texts("member-", i, "@example.invalid"), "username": _texts("member", i),
        "displayName": _choose(rng, ("Sam ", 'Jo "J" ', "Zoë, ", "The 🎸 "), n) + _texts("", i),
        "password": _texts("$2b$12$not-a-real-hash-", i), "bio": _choose(rng, BIOS, n),
        "avatar": _some(rng, _texts("https://files.example.invalid/avatar-", i, ".png"), 0.4),
        "latitude": np.where(rng.random(n) < 0.6, 1 + i / 100_000, np.nan),
        "longitude": np.where(rng.random(n) < 0.6, 2 + i / 100_000, np.nan),
        "city": _some(rng, city[visited], 0.5), "country": _choose(rng, (None, "US"), n),
        "isVerified": False, "createdAt": created, "homeSceneTag": _some(rng, _choose(rng, TAGS, n), 0.1),
        **dict(zip(HOME_TEXT, np.where(nowhere, None, [where, state[text], music[text]]), strict=True)),
        "gpsVerified": (rng.random(n) < 0.55) & ~np.isin(i, gains), "tunedSceneId": tuned,
        "tunedSceneUpdatedAt": np.where(tuned < 0, NEVER, created), "collectionDisplayEnabled": i % 3 > 0,
        "homeSceneId": home, "_scene": np.where(nowhere | elsewhere | (i == 7), -1, scene), "_left": left,
        "_cutover": np.isin(i, cutover),
    })  # fmt: skip
    target = np.where(scene[movers] == 0, 1, 0)
    moved = world.sometime(rng, movers)
    there = dict(zip(HOME_TEXT, places[:, target], strict=True))
    world.revise("users", movers, moved, homeSceneId=target, **there)
    world.revise("users", gains, world.sometime(rng, gains), gpsVerified=True)
    cut_at = world.activated + np.where(cutover == cutover[-1], 2 * HOUR, 0)
    world.revise("users", cutover, cut_at, homeSceneId=np.full(len(cutover), NEW_SCENE))
    world.tables["users"].loc[leavers, "_to"] = left[leavers]
    homes = np.concatenate([home, target, np.full(len(cutover), NEW_SCENE)])
    _memberships(world, np.concatenate([i, movers, cutover]), homes, np.concatenate([created, moved, cut_at]))


def _scenes(world: World, city: np.ndarray, state: np.ndarray, music: np.ndarray) -> None:
    """The communities as they begin; their members are counted later."""
    count, i = world.size.scenes, np.arange(world.size.scenes + 2)
    texts = ("", "All ages, always.", 'Ask for "the room",\nthen go left')
    points = np.column_stack([-90 - i / 7, 30 + i / 9]).astype("<f8").tobytes().hex().upper()
    geofence = [None if k % 4 == 3 else "0101000020E6100000" + points[k * 32 : k * 32 + 32] for k in i]
    where = pd.Series(city).fillna(pd.Series(state)).fillna("National") + " " + pd.Series(music)
    world.add("communities", {
        "name": where.to_numpy(object), "slug": _texts("scene-", i), "city": city, "state": state,
        "description": _choose(world.rng("description"), texts, len(i)), "isPrivate": False,
        "createdAt": np.where(i == NEW_SCENE, world.activated, world.opened + (i + 1) * HOUR),
        "geofence": geofence, "radius": np.where(i % 4 == 3, np.nan, 25_000.0),
        "isActive": i != count - 1, "musicCommunity": music,
        "tier": np.where(i < count, "city", np.where(i == count, "state", "national")),
    })  # fmt: skip


def _memberships(world: World, user: np.ndarray, scene: np.ndarray, joined: np.ndarray) -> None:
    """Memberships, and each night's communities with a count of them that is slightly off."""
    rng = world.rng("memberships")
    recorded = (scene >= 0) & (rng.random(len(user)) > 0.05)  # some paths skip the membership
    guest = world.anybody(rng, world.size.members // 8)
    visited = rng.integers(0, world.size.scenes, len(guest))
    opened = world.column("communities", "createdAt")
    user, scene = np.concatenate([user[recorded], guest]), np.concatenate([scene[recorded], visited])
    joined = np.concatenate([joined[recorded] + 2 * SECOND, world.when(rng, guest, opened[visited])])
    world.add("community_members", {
        "userId": user, "communityId": scene, "role": np.where(user < 5, "moderator", "member"),
        "joinedAt": np.where(joined > NEVER, np.maximum(joined, opened[scene] + SECOND), NEVER),
    }, once="userId communityId")  # fmt: skip
    i = np.arange(len(opened))
    communities, members = world.base["communities"], world.base["community_members"]
    communities["createdById"] = world.typed("createdById", i % 4, len(i))
    states = []
    for end in world.ends:
        then = members[members["_from"] < end]
        counted = np.bincount(then["_communityId"], minlength=len(i)) + i % 4 - 1
        latest = then.groupby("_communityId")["joinedAt"].max().reindex(i).fillna(communities["createdAt"])
        state = communities.assign(memberCount=np.maximum(counted, 0), updatedAt=latest)
        states.append(state.assign(_from=end - DAY, _to=end)[opened < end])
    world.tables["communities"] = pd.concat(states, ignore_index=True)


def _scene_life(world: World) -> None:
    """Sects and their tags, saved scenes, and requests for new ones."""
    rng, count, n = world.rng("scene life"), world.size.scenes, world.size.members
    i = np.arange(2 * count)
    created = np.maximum(world.column("communities", "createdAt")[i // 2], world.opened + 40 * DAY) + i
    incubating = i % 3 == 1
    world.add("sect_tags", {
        "name": _choose(rng, TAGS, len(i)) + _texts(" ", i), "parentCommunityId": i // 2,
        "status": np.where(incubating, "incubating", "active"), "createdAt": created,
    })  # fmt: skip
    world.revise("sect_tags", np.flatnonzero(incubating)[:1], world.changing + 10 * HOUR, status="active")
    world.add("sects", {
        "parentCommunityId": i[::4] // 2, "name": _texts("Sect ", i[::4]), "slug": _texts("sect-", i[::4]),
        "createdAt": created[::4] + HOUR,
    })  # fmt: skip
    user = world.anybody(rng, n)
    scene = world.column("users", "_scene")[user]
    tag = np.where(scene < 0, rng.integers(0, NEW_SCENE, n), scene) * 2 + rng.integers(0, 2, n)
    tagged = world.when(rng, user, created[tag])
    world.add("user_tags", {"userId": user, "sectTagId": tag, "createdAt": tagged}, once="userId sectTagId")
    user = world.anybody(rng, n // 10)
    world.add("user_saved_scenes", {
        "userId": user, "communityId": rng.integers(0, NEW_SCENE, len(user)),
        "reason": _choose(rng, ("visited", "activation"), len(user)),
        "context": _choose(rng, (None, "", 'on tour, "soon"'), len(user)),
        "savedAt": world.when(rng, user, world.start),
    }, once="userId communityId")  # fmt: skip
    user = world.anybody(rng, max(3, n // 80))
    world.add("music_community_requests", {
        "userId": user, "requestedName": " Noise  Rock", "requestedNameNormalized": "noise rock",
        "city": "Marfa", "cityNormalized": "marfa", "state": "Texas", "stateNormalized": "texas",
        "status": _choose(rng, ("pending", "approved", "declined"), len(user)),
        "createdAt": world.when(rng, user, world.start),
    })  # fmt: skip


def _artists(world: World) -> None:
    """Bands and who plays in them, and the activation of a scene, which moves bands but not their tracks."""
    rng, n = world.rng("artists"), world.size.members
    count = max(6, world.size.tracks // 5)
    i = np.arange(count)
    founder = np.concatenate([[0, 1], rng.integers(0, n // 3, count - 2)])
    created = _between(rng, world.column("users", "createdAt")[founder] + HOUR, world.start)
    scene = np.where(i < 2, 0, world.column("users", "_scene")[founder])
    world.add("artist_bands", {
        "name": "The " + _choose(rng, ADJECTIVES, count) + " " + _choose(rng, NOUNS, count) + _texts(" ", i),
        "slug": _texts("band-", i), "entityType": np.where(rng.random(count) < 0.6, "band", "artist"),
        "registrarEntryRef": _uuids(world.rng("registrar_entries id"), count),  # entry i registers band i
        "homeSceneId": scene, "createdById": founder, "createdAt": created, "bio": _choose(rng, BIOS, count),
        "officialWebsiteUrl": _some(rng, _texts("https://band-", i, ".example.invalid"), 0.5),
        "merchUrl": _some(rng, _texts("https://merch.example.invalid/?band=", i, "&sizes=s,m"), 0.3),
        **_origin(world, scene),
    })  # fmt: skip
    moving = i[:2]
    world.revise("artist_bands", moving, world.activated, homeSceneId=np.full(2, NEW_SCENE))
    band = np.concatenate([i, rng.integers(0, count, 2 * count)])
    user = np.concatenate([founder, rng.integers(0, n // 3, 2 * count)])
    joined = world.when(rng, user, created[band])
    world.add("artist_band_members", {
        "artistBandId": band, "userId": user, "role": np.where(user == founder[band], "founder", "member"),
        "createdAt": np.where(np.arange(len(band)) < count, created[band], joined),
    }, once="artistBandId userId")  # fmt: skip

    # An old audit, the new scene's activation, and a second one that names one of the same listeners again.
    cutover = np.flatnonzero(world.column("users", "_cutover"))
    listeners, bands = [np.arange(1, 4), cutover[:-1], cutover[[0, -1]]], [i[:0], moving, i[:0]]
    scene = np.array([0, NEW_SCENE, NEW_SCENE])
    city, state, music = _places(world.size.scenes)[:, scene]
    world.add("community_activation_audits", {
        "sceneId": scene, "city": city, "state": state, "musicCommunity": music,
        "createdScene": np.array([True, True, False]), "savedAwaySceneCount": np.array([0, 1, 0]),
        "reanchoredSourceIds": [json.dumps(world.ids("artist_bands", moved).tolist()) for moved in bands],
        "cutoverListenerIds": [json.dumps(world.ids("users", group).tolist()) for group in listeners],
        "activationNoticeCount": np.array([len(group) for group in listeners]),
        "thresholds": '{"artists": 2, "listeners": 3}',
        "createdAt": np.array([world.start + HOUR, world.activated, world.activated + 2 * HOUR]),
    })  # fmt: skip


def _origin(world: World, scene: np.ndarray) -> dict[str, np.ndarray]:
    """The columns that say where a band or registration came from."""
    city, state, music = (np.where(scene < 0, None, part[scene]) for part in _places(world.size.scenes))
    return {"sourceOriginCity": city, "sourceOriginState": state, "sourceOriginMusicCommunity": music}


def _registrar(world: World) -> None:
    """Registrations: one of each band, some others, and what was granted for them."""
    rng, bands = world.rng("registrar"), len(world.base["artist_bands"])
    i = np.arange(bands + 8)
    band = np.where(i < bands, i, -1)
    by = np.where(band < 0, i % 9, world.column("artist_bands", "_createdById")[band])
    scene = np.where(band < 0, 0, np.maximum(world.column("artist_bands", "_homeSceneId")[band], 0))
    filed = np.where(band < 0, world.first - DAY, world.column("artist_bands", "createdAt")[band]) - i
    kinds = np.array(["promoter_registration", "project_registration", "sect_motion"], object)
    states = np.array(["submitted", "rejected", "approved", "submitted"], object)
    status = np.where(band < 0, states[i % 4], "materialized")
    world.add("registrar_entries", {
        "type": np.where(band < 0, kinds[i % 3], "artist_band_registration"), "status": status,
        "sceneId": scene, "createdById": by, "artistBandId": band, "createdAt": filed,
        "payload": _choose(rng, (None, '{"name": "A \\"new\\" thing, 🎶", "genres": ["punk"]}'), len(i)),
        **_origin(world, scene),
    })  # fmt: skip
    submitted = np.flatnonzero(status == "submitted")
    world.revise("registrar_entries", submitted[:2], world.changing + 16 * HOUR, status="approved")
    k = np.arange(2 * bands)
    known = np.where(k % 3 == 0, rng.integers(0, world.size.members // 3, len(k)), -1)
    claimed = np.where(k % 6 == 0, known, -1)
    invited = filed[k // 2] + SECOND
    world.add("registrar_artist_members", {
        "registrarEntryId": k // 2, "name": _texts("Invitee ", k), "city": "Austin",
        "email": _texts("invitee-", k, "@example.invalid"),
        "instrument": _choose(rng, ("drums", "bass, vocals", 'the "other" guitar'), len(k)),
        "inviteStatus": np.where(claimed < 0, "pending", "claimed"), "createdAt": invited,
        "existingUserId": known, "claimedUserId": claimed,
        "inviteToken": np.where(claimed < 0, _texts("not-a-real-token-", k), None),
        "inviteTokenExpiresAt": np.where(claimed < 0, invited + 14 * DAY, NEVER),
    })  # fmt: skip
    world.revise(
        "registrar_artist_members", np.array([1]), world.changing + 17 * HOUR, inviteStatus="claimed",
        claimedUserId=np.array([2]), inviteToken=None, inviteTokenExpiresAt=NEVER,
    )  # fmt: skip
    granted, revoked = filed[:bands] + MINUTE, world.changing + 18 * HOUR
    world.add("user_capability_grants", {
        "userId": by[:bands], "capability": "artist_band", "status": "active",
        "sourceRegistrarEntryId": i[:bands], "grantedAt": granted, "revokedAt": NEVER, "createdAt": granted,
    })  # fmt: skip
    world.revise("user_capability_grants", np.array([1]), revoked, status="revoked", revokedAt=revoked)


def _broadcast(world: World) -> None:
    """Tracks, of bands and of people who only wrote a name, and the deck they are released from."""
    rng, n = world.rng("broadcast"), world.size.tracks
    i = np.arange(n)
    band = (len(world.base["artist_bands"]) * rng.random(n) ** 1.5).astype(int)
    formed = world.column("artist_bands", "createdAt")[band]
    created = np.maximum(_ages(rng, world, n, before=0.6, during=0.07), formed + HOUR)
    order = np.argsort(created, kind="stable")
    band, created = band[order], created[order]
    scene = np.where(rng.random(n) < 0.05, -1, world.column("artist_bands", "_homeSceneId")[band])
    status = np.where(i % 33 == 5, "processing", np.where(i % 33 == 11, "failed", "ready"))
    popularity = (1 / (1 + rng.permutation(n)) ** 0.9) * (status == "ready")
    popularity[7] = max(popularity[7], 0.3)
    rotates = (status == "ready") & (scene >= 0) & (i % 15 != 7)
    founder = world.column("artist_bands", "_createdById")[band]
    unnamed = rng.random(n) < 0.08
    title = _choose(rng, ADJECTIVES, n) + " " + _choose(rng, ("Street", "Song", "Night,\nPart Two"), n)
    world.add("tracks", {
        "title": title + _texts(" ", i), "album": _some(rng, _texts("Album ", i % 9), 0.4),
        "artist": np.where(unnamed, _texts("Someone ", i), world.column("artist_bands", "name")[band]),
        "duration": np.where(i % 5 == 0, 0.5, 0) + rng.integers(90, 400, n), "uploadedById": founder,
        "fileUrl": _texts("https://files.example.invalid/track-", i, ".mp3"), "communityId": scene,
        "playCount": 0, "likeCount": 0, "status": status, "createdAt": created,
        "artistBandId": np.where(unnamed, -1, band),
        "_popularity": popularity, "_rotates": rotates,
    })  # fmt: skip
    finished = np.flatnonzero((status == "processing") & (created < world.changing))[:1]
    world.revise("tracks", finished, world.changing + 13 * HOUR, status="ready")
    deck = np.flatnonzero(rotates & ~unnamed & (i > n * 0.6))
    chosen = rng.random(len(deck)) < 0.3
    released = _between(rng, created[deck] + HOUR, created[deck] + 5 * DAY)
    world.add("release_deck_schedules", {
        "trackId": deck, "communityId": scene[deck], "artistBandId": band[deck], "status": "scheduled",
        "assignmentMode": np.where(chosen, "chosen", "soonest"), "scheduledFor": released,
        "requestedFor": np.where(chosen, released, NEVER), "createdById": founder[deck],
        "capacitySnapshot": _choose(rng, (None, '{"slots": 5, "taken": 2}'), len(deck)),
        "createdAt": created[deck],
    })  # fmt: skip
    world.revise("release_deck_schedules", np.arange(len(deck)), released, status="ingested")
    world.add("fair_play_config", {
        "scope": np.array(["global"], object), "recurrenceRollingWindowDays": pd.array([None], "Int64"),
        "maxTracksPerArtist": pd.array([None], "Int64"), "voteCooldownHours": pd.array([12], "Int64"),
    })  # fmt: skip
    stated, said_at = pd.array([WINDOW // DAY], "Int64"), world.changing + 9 * HOUR  # null meant the same
    world.revise("fair_play_config", np.array([0]), said_at, recurrenceRollingWindowDays=stated)


def _rotation(world: World) -> None:
    """Rotation entries, listening, and every night's recurrence scores, which follow from it."""
    rng, count, nights = world.rng("rotation"), world.size.scenes, world.size.nights
    own, created = world.column("tracks", "_communityId"), world.column("tracks", "createdAt")
    plays = np.flatnonzero(world.column("tracks", "_rotates"))
    other = rng.integers(0, count, len(plays))
    also = (rng.random(len(plays)) < 0.25) & (other != own[plays]) & (other != NEW_SCENE)
    track = np.concatenate([plays, plays[also], plays[:4]])
    scene = np.concatenate([own[plays], other[also], np.full(len(plays[:4]), count)])  # four in a state's
    entered = created[track] + rng.integers(0, 5 * DAY, len(track))
    window = np.array([14, 7, 30])[scene % 3]
    in_city = scene < count

    # One job per scene and day, at no fixed time; some older entries are made to graduate in the nights.
    days = (world.end - world.opened) // DAY + 40
    time_of_day = JOB_EARLIEST + rng.integers(0, JOB_SPREAD, (count + 1, days))
    jobs = world.opened + DAY * np.arange(days) + time_of_day
    nightly = jobs[scene][:, (world.first - world.opened) // DAY + np.arange(nights)]
    graduates = np.flatnonzero(in_city & (created[track] < world.first - 31 * DAY))[1::12]
    due = nightly[graduates, np.arange(len(graduates)) % nights] - rng.integers(0, 20 * HOUR, len(graduates))
    entered[graduates] = due - window[graduates] * DAY
    due = entered + window * DAY
    day = np.minimum((due - world.opened) // DAY, days - 2)
    graduated = np.where(jobs[scene, day] >= due, jobs[scene, day], jobs[scene, day + 1])

    # Some that graduate are touched again the same night. Engagement is planted between as-of and updatedAt,
    # at both edges of the window, and just outside them.
    delay = rng.integers(0, 5 * SECOND + 1, nightly.shape)
    settled = np.flatnonzero(in_city & (graduated < world.first))
    between, edges = settled[:3], settled[3:5]
    delay[between], delay[edges] = 3 * SECOND, 0
    touched = graduates[::2]
    delay[touched] = np.where(nightly[touched] == graduated[touched, None], 30 * MINUTE, delay[touched])
    rows = np.concatenate([np.repeat(between, nights), touched, np.tile(edges, 4)])
    just_after, edge = (nightly[between] + SECOND).ravel(), nightly[edges, -1]
    planted = [just_after, graduated[touched] + MINUTE, edge, edge + 1, edge - WINDOW, edge - WINDOW - 1]
    _listening(world, track[rows], np.concatenate(planted))

    ids = _uuids(world.rng("rotation_entries id"), len(track))
    states = []
    for night, end in enumerate(world.ends):
        as_of = nightly[:, night]
        main = (graduated <= as_of) & in_city
        score = _score(world, track, as_of - WINDOW, as_of)
        states.append(pd.DataFrame({
            "id": ids, "trackId": track, "sceneId": scene, "enteredPoolAt": entered, "createdAt": entered,
            "pool": np.where(main | ~in_city, "MAIN_ROTATION", "NEW_RELEASES"), "newWindowDays": window,
            "recurrenceScore": np.where(in_city, np.where(main, score, 0), 5).astype(float),
            "graduatedAt": np.where(main, graduated, np.where(in_city, NEVER, entered)),
            "lastPlayedAt": np.where(main, as_of - rng.integers(0, 6 * HOUR, len(track)), NEVER),
            "updatedAt": np.where(main, as_of + delay[:, night], entered), "_from": end - DAY, "_to": end,
        })[entered < end])  # fmt: skip
    world.add("rotation_entries", {name: values.to_numpy() for name, values in pd.concat(states).items()})
    _votes(world, track[in_city], scene[in_city], entered[in_city])


def _listening(world: World, planted_track: np.ndarray, planted_at: np.ndarray) -> None:
    """Engagement in sessions: those planted for the rotation job, one over midnight, then any."""
    rng, n, planted = world.rng("listening"), world.size.engagements, len(planted_track)
    created, popularity = world.column("tracks", "createdAt"), world.column("tracks", "_popularity")
    listener = world.anybody(rng, n // 2 + 50)
    began = world.when(rng, listener, world.start)
    length = np.where(began > NEVER, rng.geometric(1 / 6, len(listener)), 0)
    session = np.repeat(np.arange(len(listener)), length)
    position = np.arange(len(session)) - np.repeat(np.cumsum(length) - length, length)
    at = began[session] + position * 210 * SECOND + rng.integers(0, MINUTE, len(session))
    user = listener[session]
    taste = np.where(rng.random(len(user)) < 0.8, world.column("users", "_scene")[user], -1)
    track = Pool(world.column("tracks", "_communityId"), popularity).draw(rng, taste)
    possible = (at < world.end) & world.there(user, at) & (at >= created[track])
    midnight = np.flatnonzero((popularity > 0) & (created < world.end - 2 * DAY))[:4]
    over_midnight = world.end - DAY - 5 * MINUTE + np.arange(len(midnight)) * 3 * MINUTE
    kept = np.flatnonzero(possible & _first_of(session, track))[: n - planted - len(midnight)]
    user = np.concatenate([np.arange(planted) % 9, np.zeros(len(midnight), int), user[kept]])
    track = np.concatenate([planted_track, midnight, track[kept]])
    alone, together = np.arange(planted), np.full(len(midnight), planted)
    session = np.concatenate([alone, together, planted + 1 + session[kept]])
    score = rng.choice(4, len(user), p=[0.15, 0.2, 0.2, 0.45])
    score[:planted] = 1 + np.arange(planted) % 3  # what is planted must count
    world.add("track_engagements", {
        "userId": user, "trackId": track, "score": score,
        "type": np.array(["skip", "partial", "majority", "full"], object)[score],
        "sessionId": _uuids(world.rng("session"), planted + 1 + len(listener))[session],
        "createdAt": np.concatenate([planted_at, over_midnight, at[kept]]),
    })  # fmt: skip


def _score(world: World, track: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The score of each track's engagement from low to high, both included."""
    engagements, beyond_time = world.base["track_engagements"], 2**45
    key = engagements["_trackId"].to_numpy() * beyond_time + _ms(engagements["createdAt"])
    order = np.argsort(key, kind="stable")
    key, sums = key[order], np.concatenate([[0], np.cumsum(engagements["score"].to_numpy()[order])])
    low, high = track * beyond_time + low, track * beyond_time + high
    return sums[np.searchsorted(key, high, "right")] - sums[np.searchsorted(key, low, "left")]


def _votes(world: World, track: np.ndarray, scene: np.ndarray, entered: np.ndarray) -> None:
    """Votes of people listening, for a track where it plays."""
    rng, engagements = world.rng("votes"), world.base["track_engagements"]
    entries = pd.DataFrame({"_trackId": track, "scene": scene, "entered": entered})
    cast = engagements[rng.random(len(engagements)) < 0.05].merge(entries, on="_trackId")
    at = _ms(cast["createdAt"]) + 30 * SECOND
    allowed = (at > cast["entered"]) & (rng.random(len(at)) < 0.9)
    world.add("track_votes", {
        "userId": cast["_userId"].to_numpy(), "trackId": cast["_trackId"].to_numpy(),
        "sceneId": cast["scene"].to_numpy(), "tier": "city", "createdAt": np.where(allowed, at, NEVER),
        "playbackSessionId": cast["sessionId"].to_numpy(object),
    }, once="userId trackId sceneId")  # fmt: skip


def _signals(world: World) -> None:
    """Signals, what members did with them, and their collections."""
    rng, n = world.rng("signals"), max(24, world.size.actions // 6)
    i = np.arange(n)
    creator = np.where(i < TRAPS, i + 1, world.anybody(rng, n))
    created = np.where(i < TRAPS, world.end - 10 * DAY, world.when(rng, creator, world.start))
    scene = world.column("users", "_scene")[creator]
    band = world.ids("artist_bands", rng.integers(0, len(world.base["artist_bands"]), n))
    notes = ('{"note": "he said \\"loud\\", twice 🎸", ', '{"note": "", ', "{")
    titled = _choose(rng, notes, n) + '"title": "Signal ' + _texts("", i, '"')
    metadata = titled + np.where(rng.random(n) < 0.6, ', "artistBandId": "' + band + '"}', "}")
    world.add("signals", {
        "type": _choose(rng, ("song", "album", "merch", "flyer", "Flyer", "video"), n),
        "metadata": _some(rng, metadata, 0.8), "communityId": np.where(rng.random(n) < 0.04, -1, scene),
        "createdById": np.where((rng.random(n) < 0.04) & (i >= TRAPS), -1, creator), "createdAt": created,
        "_scene": scene,
    })  # fmt: skip
    _actions(world)
    keepers = np.flatnonzero(np.arange(world.size.members) % 5 < 3)
    world.add("collections", {
        "name": _choose(rng, ("Favourites", 'My "shelf"', "loud, louder", ""), len(keepers)),
        "userId": keepers, "createdAt": world.column("users", "createdAt")[keepers] + SECOND,
    })  # fmt: skip
    actions = world.base["signal_actions"]
    added = actions[(actions["type"] == "ADD") & (actions["_user"] >= 0)]
    collection = np.full(world.size.members, -1)
    collection[world.column("collections", "_userId")] = np.arange(len(world.base["collections"]))
    collection = collection[added["_user"]]
    world.add("collection_items", {
        "collectionId": collection, "signalId": added["_signalId"].to_numpy(),
        "createdAt": np.where(collection < 0, NEVER, _ms(added["createdAt"]) + 3),
    })  # fmt: skip


def _actions(world: World) -> None:
    """What members did with signals, the traps first."""
    rng, n = world.rng("actions"), world.size.actions
    born, creator = world.column("signals", "createdAt"), world.column("signals", "_createdById")
    popularity = 1 / (1 + rng.permutation(len(born))) ** 0.8
    popularity[:TRAPS] = 0
    user = world.anybody(rng, 3 * n)
    taste = np.where(rng.random(3 * n) < 0.8, world.column("users", "_scene")[user], -1)
    signal = Pool(world.column("signals", "_scene"), popularity).draw(rng, taste)
    at = _moments(rng, born[signal], born[signal] + HOUR + rng.exponential(6 * DAY, 3 * n).astype(int))
    kind = _choose(rng, ("ADD", "BLAST", "RECOMMEND"), 3 * n, (0.6, 0.3, 0.1))
    kind[(at < world.start + world.size.history_days * DAY // 3) & (rng.random(3 * n) < 0.15)] = "SUPPORT"
    possible = world.there(user, at)
    user, signal, at, kind = user[possible], signal[possible], at[possible], kind[possible]
    echo = np.flatnonzero((kind == "BLAST") & (rng.random(len(kind)) < 0.05))
    own = np.flatnonzero((rng.random(len(born)) < 0.1) & (creator >= 0))
    week, strangers = world.end - 7 * DAY - 6 * HOUR, np.array([-1, -2])
    acts = [
        # An ADD exactly a week after another's BLAST, one a millisecond later, one a millisecond earlier.
        (np.full(3, 1), np.arange(3), np.full(3, week), "BLAST"),
        (np.full(3, 2), np.arange(3), week + 7 * DAY + np.array([0, 1, -1]), "ADD"),
        # One who adds what they blasted, two who blast their own, and two whom no snapshot knows.
        (np.full(1, 1), np.full(1, 3), np.full(1, week), "BLAST"),
        (np.full(1, 1), np.full(1, 3), np.full(1, week + HOUR), "ADD"),
        (creator[4:6], np.arange(4, 6), np.full(2, week), "BLAST"),
        (strangers, np.arange(6, 8), np.full(2, world.end - 5 * HOUR), "ADD"),
        # The same, more often.
        (user[echo], signal[echo], at[echo] + HOUR, "ADD"),
        (creator[own], own, born[own] + MINUTE, "BLAST"),
    ]  # fmt: skip
    kind = np.concatenate([*(np.full(len(act[0]), act[3], object) for act in acts), kind])
    user, signal, at = (
        np.concatenate([*(act[part] for act in acts), drawn]) for part, drawn in enumerate((user, signal, at))
    )
    possible = (at < world.end) & ((user < 0) | world.there(user, at))
    kept = np.flatnonzero(possible & _first_of(user, signal, kind))[:n]
    unknown = _uuids(world.rng("strangers"), 2)[user[kept] % 2]
    world.add("signal_actions", {
        "type": kind[kept], "userId": np.where(user[kept] < 0, unknown, world.ids("users", user[kept])),
        "signalId": signal[kept], "createdAt": at[kept], "_user": user[kept],
    })  # fmt: skip


def _events(world: World) -> None:
    """Follows, events and who came."""
    rng, n, bands = world.rng("events"), world.size.members, world.base["artist_bands"]
    user = world.anybody(rng, 2 * n)
    what = _choose(rng, ("artistBand", "band", "artist", "community"), 2 * n, (0.6, 0.1, 0.1, 0.2))
    band = (len(bands) * rng.random(2 * n) ** 2).astype(int)
    scene = world.ids("communities", rng.integers(0, NEW_SCENE, 2 * n))
    thing = np.where(what == "community", scene, world.ids("artist_bands", band))
    at = world.when(rng, user, world.start)
    again = np.flatnonzero((what == "artistBand") & (at > NEVER))[: n // 20]  # by another name
    twice = np.concatenate([np.arange(2 * n), again])
    world.add("follows", {
        "followerId": user[twice], "entityId": thing[twice],
        "entityType": np.concatenate([what, bands["entityType"].to_numpy(object)[band[again]]]),
        "createdAt": np.concatenate([at, at[again] + 1]),
    }, once="followerId entityType entityId")  # fmt: skip

    count = max(12, n // 10)
    i = np.arange(count)
    creator = np.where(i < 3, i + 1, world.anybody(rng, count))
    created = np.where(i < 3, world.end - 6 * DAY, world.when(rng, creator, world.start))
    begins = (created // DAY + rng.integers(2, 20, count)) * DAY + rng.integers(0, 4, count) * HOUR
    begins[:3] = world.end - 20 * HOUR - np.arange(3) * DAY
    world.add("events", {
        "title": _choose(rng, ADJECTIVES, count) + _texts(" Night ", i), "startDate": begins,
        "endDate": begins + 3 * HOUR, "locationName": _texts("Hall, ", i % 9),
        "description": _choose(rng, ("", "Doors at 8,\nmusic at 9.", 'Bring "ears" 🎧'), count),
        "address": _texts("", i, " Nowhere St, Austin"), "latitude": 3 + i / 100_000,
        "longitude": 4 + i / 100_000, "createdById": creator,
        "communityId": np.maximum(world.column("users", "_scene")[creator], 0), "attendeeCount": 0,
        "maxAttendees": pd.array(np.where(i % 3 == 0, None, 100), "Int64"), "createdAt": created,
        "artistBandId": np.where(i % 3 == 1, -1, i % len(bands)),
    })  # fmt: skip
    creator, scene = world.column("events", "_createdById"), world.column("events", "_communityId")
    held = _held(world)
    visited = held[(len(held) * rng.random(n) ** 1.5).astype(int)]
    event = np.concatenate([held[::2], visited])  # the first of them by those who made them
    user = np.concatenate([creator[held[::2]], world.members(rng, scene[visited])])
    begins = world.column("events", "startDate")[event]
    arrived = _between(rng, begins, begins + 2 * HOUR)
    method = _choose(rng, ("qr_scan", "location", "manual"), len(user), (0.6, 0.3, 0.1))
    noted = arrived + np.where(method == "manual", rng.integers(0, 18 * HOUR, len(user)), 2 * SECOND)
    noted = np.where(world.there(user, arrived), noted, NEVER)
    twice = np.flatnonzero((method == "qr_scan") & (noted > NEVER))[:8]
    again = np.concatenate([np.arange(len(user)), twice])
    world.add("event_attendances", {
        "userId": user[again], "eventId": event[again], "checkedInAt": arrived[again],
        "method": np.concatenate([method, np.full(len(twice), "location", object)]),
        "createdAt": noted[again],
    }, once="userId eventId method")  # fmt: skip


def _held(world: World) -> np.ndarray:
    """The events that are over."""
    return np.flatnonzero(world.column("events", "endDate") < world.end)


def _support(world: World) -> None:
    """Projects, their supporters, proofs of support, referrals and corrections."""
    rng, n, home = world.rng("support"), world.size.members, world.column("users", "_scene")
    i = np.arange(max(5, n // 60))
    creator = rng.integers(0, n // 3, len(i))
    created = world.when(rng, creator, world.start)
    status = np.array(["active", "completed", "active", "cancelled"], object)[i % 4]
    world.add("projects", {
        "name": _texts("Project, ", i), "communityId": np.maximum(home[creator], 0), "createdById": creator,
        "status": status, "createdAt": created,
    })  # fmt: skip
    finished = np.flatnonzero((status == "active") & (created < world.changing))[:1]
    world.revise("projects", finished, world.changing + 12 * HOUR, status="completed")
    some = rng.integers(0, len(i), max(20, n // 4))
    project = np.concatenate([i[::2], some])  # the first of them by those who made them
    user = np.concatenate([creator[::2], world.members(rng, home[creator[some]])])
    world.add("project_supports", {
        "projectId": project, "userId": user, "createdAt": world.when(rng, user, created[project]),
        "kind": _choose(rng, ("contribution", "labor", "promotion"), len(user)),
    }, once="projectId userId kind")  # fmt: skip
    _proofs(world)
    recruited = np.arange(n // 4, n, 4)
    pioneer = (recruited * rng.random(len(recruited))).astype(int)
    brought = world.column("users", "createdAt")[recruited] + rng.integers(SECOND, 2 * DAY, len(recruited))
    both = world.there(pioneer, brought) & world.there(recruited, brought)
    world.add("pioneer_referrals", {
        "pioneerId": pioneer, "recruitedUserId": recruited, "communityId": np.maximum(home[recruited], 0),
        "createdAt": np.where(both, brought, NEVER),
    })  # fmt: skip
    i = np.arange(max(8, n // 100))
    user = np.where(i < 1, 1, world.anybody(rng, len(i)))
    world.add("activity_point_adjustments", {
        "userId": user, "decidedById": i * 0, "points": np.array([-25, 10, -5, 5])[i % 4],
        "reason": _choose(rng, ("counted twice", 'helped, "a lot"', "spam"), len(i)),
        "createdAt": np.where(i < 1, world.end - 3 * HOUR, world.when(rng, user, world.start)),
    })  # fmt: skip


def _proofs(world: World) -> None:
    """Proofs of support are filed, then decided on, and some are revoked later."""
    rng, n, name = world.rng("proofs"), max(60, world.size.members // 4), "proof_of_support"
    kind = _choose(rng, ("attendance", "ticket", "merch", "donation"), n)
    at_event = np.isin(kind, ["attendance", "ticket"])
    to_project = (kind == "donation") & (rng.random(n) < 0.5)
    event = rng.choice(_held(world), n)
    band = rng.integers(0, len(world.base["artist_bands"]), n)
    project = rng.integers(0, len(world.base["projects"]), n)
    founder = world.column("artist_bands", "_createdById")[band]
    user = np.where((kind == "merch") & (rng.random(n) < 0.2), founder, world.anybody(rng, n))
    begins = world.column("events", "startDate")[event]
    filed = world.when(rng, user, np.where(at_event, begins, world.start))
    decided = np.where(at_event, SECOND, rng.integers(MINUTE, 2 * DAY, n)) + filed
    world.add(name, {
        "userId": user, "kind": kind, "status": "pending", "createdAt": filed, "verifiedAt": NEVER,
        "eventId": np.where(at_event, event, -1), "projectId": np.where(to_project, project, -1),
        "artistBandId": np.where(at_event | to_project, -1, band), "revokedAt": NEVER, "_decided": decided,
        "method": np.where(at_event, _choose(rng, ("qr_scan", "location"), n), "artist_confirmation"),
    })  # fmt: skip
    decided = world.column(name, "_decided")
    i = np.arange(len(decided))
    verified, rejected = i[i % 10 < 6], i[i % 10 == 6]
    world.revise(name, verified, decided[verified], status="verified", verifiedAt=decided[verified])
    early = np.flatnonzero(decided[verified] < world.changing)[::9]
    revoked = np.minimum(decided[verified][early] + 9 * DAY, world.changing)
    revoked[0] = world.changing + 11 * HOUR
    world.revise(name, len(i) + early, revoked, status="revoked", revokedAt=revoked)
    world.revise(name, rejected, decided[rejected], status="rejected")


DOMAINS = (
    _people, _scene_life, _artists, _registrar, _broadcast, _rotation, _signals, _events, _support,
)  # fmt: skip


def _plant_faults(world: World, faults: Collection[str]) -> None:
    """Faults in what is delivered with the last night, beside rows that are right."""
    if world.size.nights == 1 and set(faults) - {"broken"}:
        raise ValueError("late, duplicate and corrected rows need two nights")
    for name in ("track_engagements", "signal_actions", "follows"):
        counts = {fault: FAULT_ROWS[fault].get(name, 0) if fault in faults else 0 for fault in FAULT_ROWS}
        if any(counts.values()):
            world.tables[name] = _faulty(world, name, counts)
    users = world.tables["users"]
    standing = users[(users["_from"] < world.first) & (users["_to"] == FOREVER)].assign(_from=world.end - 1)
    for fault, changes in (("duplicate", {}), ("broken", {"id": None})):
        if fault in faults:
            again = standing[: FAULT_ROWS[fault]["users"]].assign(**changes)
            world.tables["users"] = pd.concat([world.tables["users"], again], ignore_index=True)


def _faulty(world: World, name: str, counts: dict[str, int]) -> pd.DataFrame:
    """An append table with so many rows of each fault."""
    frame, last = world.tables[name].assign(_garbled=False), world.size.nights - 1
    half = counts["duplicate"] // 2
    earlier = np.flatnonzero(frame["_night"] < last)[::-1]
    recent = world.rng(f"faults {name}").permutation(earlier[:30])
    late, again = recent[: counts["late"]], recent[10 : 10 + half]
    twice = np.flatnonzero(frame["_night"] == last)[:half]
    corrections = {"type": "RECOMMEND"}
    may_change = np.zeros(len(frame), bool)
    if name == "track_engagements":  # of tracks in no rotation, so that the platform's scores stay right
        corrections = {"type": "full", "score": 3}
        may_change = (frame["type"] == "partial") & ~world.column("tracks", "_rotates")[frame["_trackId"]]
    elif name == "signal_actions":
        may_change = (frame["type"] == "ADD") & ~frame.duplicated(["userId", "signalId"], keep=False)
    corrected = earlier[30:][np.asarray(may_change)[earlier[30:]]][: counts["corrected"]]
    planted = {"late": len(late), "duplicate": len(again) + len(twice), "corrected": len(corrected)}
    if any(planted[fault] < counts[fault] for fault in planted):
        raise ValueError(f"the sample has too few {name} for its faults")
    delivered = frame.copy()
    delivered.loc[late, "_night"] = last
    parts = [
        delivered,
        frame.iloc[again].assign(_night=last),
        frame.iloc[twice],
        frame.iloc[corrected].assign(_night=last, **corrections),
        _broken(world, name, frame.iloc[-counts["broken"] :]) if counts["broken"] else frame.iloc[:0],
    ]
    return pd.concat(parts, ignore_index=True)


def _broken(world: World, name: str, good: pd.DataFrame) -> pd.DataFrame:
    """New rows of the last night like these good ones, with one defect each."""
    created = np.full(len(good), world.end - HOUR).astype("datetime64[ms]")
    ids = _uuids(world.rng(f"broken {name}"), len(good))
    rows = good.assign(id=world.typed("id", ids, len(good)), createdAt=created, _night=world.size.nights - 1)
    rows = rows.reset_index(drop=True)
    rows.loc[0, "id"] = None
    rows.loc[1, "type"] = "LIKE"
    rows.loc[2, "createdAt"] = pd.Timestamp(world.end + HOUR, unit="ms")
    if name == "track_engagements":
        rows.loc[3, "_garbled"] = True
        rows.loc[4, ["type", "score"]] = ["full", 1]
    return rows


def _write_table(
    connection: duckdb.DuckDBPyConnection, world: World, name: str, folder: Path, formats: Sequence[str]
) -> None:
    """Write every night of a table, a large one in two parts."""
    frame = world.tables[name]
    second_part = frame["id"].str[0] > "7"  # identical rows share a part
    connection.register("frame", frame.assign(_second_part=second_part.fillna(False).astype(bool)))
    connection.execute("create or replace temp table exported as from frame")
    kinds = {column: kind for column, kind, *_ in connection.execute("describe exported").fetchall()}
    for night, end in enumerate(world.ends):
        folder_of_night = folder / world.nights[night].isoformat()
        folder_of_night.mkdir(parents=True, exist_ok=True)
        for old in folder_of_night.glob("part-*"):
            old.unlink()
        where = f"_night = {night}" if name in BORN else f"_from < {end} and _to >= {end}"
        (rows,) = connection.execute(f"from exported select count(*) where {where}").fetchone()
        halves = (f"{where} and not _second_part", f"{where} and _second_part")
        for number, condition in enumerate(halves if rows > SPLIT_ROWS else (where,)):
            form = formats[(night + number) % len(formats)]
            garbled = night == world.size.nights - 1 and "_garbled" in frame
            columns = ", ".join(
                f'{_rendered(c, kinds[c], form, garbled)} as "{c}"' for c in COLUMNS[name].split()
            )
            target = str(folder_of_night / f"part-{number:04}.{form}").replace("'", "''")
            options = {"csv": "csv, header", "jsonl": "json", "parquet": "parquet"}[form.removesuffix(".gz")]
            packed = ", compression gzip" if form.endswith(".gz") else ""
            query = f"from exported select {columns} where {condition}"
            connection.execute(f"copy ({query}) to '{target}' (format {options}{packed})")


def _rendered(column: str, kind: str, form: str, garbled: bool) -> str:
    """The SQL of a column as a format wants it; CSV as PostgreSQL prints it."""
    value = f'"{column}"'
    if column == "score" and garbled:
        if form.startswith("jsonl"):
            return f"""case when _garbled then '"three"'::json else to_json({value}) end"""
        return f"case when _garbled then 'three' else {value}::varchar end"
    if form.startswith("jsonl") and column in JSON_COLUMNS:
        return f"{value}::json"
    if form.startswith("jsonl") and kind.startswith("TIMESTAMP"):
        return f"replace({value}::timestamp::varchar, ' ', 'T')"
    if form.startswith("csv") and kind == "BOOLEAN":
        return f"case when {value} then 't' when not {value} then 'f' end"
    if form.startswith("csv") and kind == "DOUBLE":
        return f"regexp_replace({value}::varchar, '[.]0$', '')"
    return f"{value}::timestamp" if kind.startswith("TIMESTAMP") else value


def _uuids(rng: np.random.Generator, count: int) -> np.ndarray:
    """Random UUIDs (version 4) as text."""
    digits = np.frombuffer(rng.bytes(16 * count).hex().encode(), "S1").reshape(count, 32).copy()
    digits[:, 12], digits[:, 16] = b"4", b"a"
    text = np.full((count, 36), b"-", "S1")
    text[:, [k for k in range(36) if k not in (8, 13, 18, 23)]] = digits
    return text.reshape(-1).view("S36").astype("U36").astype(object)


def _ms(times: pd.Series) -> np.ndarray:
    """Times as integers."""
    return times.to_numpy().astype("datetime64[ms]").astype(np.int64)


def _ages(rng: np.random.Generator, world: World, count: int, before: float, during: float) -> np.ndarray:
    """When things came to be, oldest first: a share before the recorded activity, one during the nights."""
    share = (np.arange(count) + 0.5) / count
    low = np.where(share < before, world.opened, np.where(share < 1 - during, world.start, world.first))
    high = np.where(share < before, world.start, np.where(share < 1 - during, world.first, world.end))
    return np.sort(_between(rng, low, high))


def _between(rng: np.random.Generator, low: np.ndarray, high: np.ndarray | int) -> np.ndarray:
    """Whole numbers from low up to high."""
    return low + (rng.random(len(low)) * (high - low)).astype(np.int64)


def _moments(rng: np.random.Generator, low: np.ndarray, high: np.ndarray | int) -> np.ndarray:
    """Moments from low up to high, more of them in the evening."""
    any_time = _between(rng, low, np.maximum(high, low + 1))
    hour = rng.choice(24, len(low), p=HOURS / HOURS.sum())
    evening = any_time // DAY * DAY + hour * HOUR + rng.integers(0, HOUR, len(low))
    return np.where((evening >= low) & (evening < high), evening, any_time)


def _texts(prefix: str, numbers: np.ndarray, suffix: str = "") -> np.ndarray:
    """Numbered texts."""
    return (prefix + pd.Series(numbers).astype(str) + suffix).to_numpy(object)


def _choose(
    rng: np.random.Generator, options: Sequence[str | None], count: int, odds: Sequence[float] | None = None
) -> np.ndarray:
    """One of the options, so many times."""
    return np.array(options, dtype=object)[rng.choice(len(options), count, p=odds)]


def _some(rng: np.random.Generator, values: np.ndarray, share: float) -> np.ndarray:
    """The values, with some of them left out."""
    return np.where(rng.random(len(values)) < share, values, None)


def _first_of(*keys: np.ndarray) -> np.ndarray:
    """Whether each row is the first with its keys."""
    return ~pd.DataFrame(dict(enumerate(keys))).duplicated().to_numpy()
