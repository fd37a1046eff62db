"""Builds the made-up world: its tables, the times that matter, and the random draws.

Until a table is complete, its times are integers (milliseconds since 1970, UTC). It refers to other things by
their position; a negative position means none.
"""

import datetime as dt
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class SampleSize:
    """How much there is of everything. Everything that is not named here grows with these.

    Attributes:
        members: users, including those who join during the nights; at least 40.
        scenes: communities of tier city; at least 4. One of a state and a national one come on top.
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
BORN = {  # the append tables, and the column that says when a row was made
    "community_members": "joinedAt", "user_saved_scenes": "savedAt", "track_engagements": "createdAt",
    "track_votes": "createdAt", "signal_actions": "createdAt", "follows": "createdAt",
    "collection_items": "createdAt", "user_tags": "createdAt", "community_activation_audits": "createdAt",
    "event_attendances": "createdAt", "project_supports": "createdAt", "pioneer_referrals": "createdAt",
    "activity_point_adjustments": "createdAt",
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

# Evenings in the middle of North America are early mornings in UTC.
HOURS = np.array([9, 10, 9, 7, 5, 3, 2, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 5, 6, 8], dtype=float)
NEW_SCENE = 3  # is activated during the nights
ADJECTIVES = ("Quiet", "Broken", "Velvet", "Loud", "Electric", "Paper", "Lone", 'So-Called "Free"', "Café")


@dataclass
class World:
    """The tables made so far, and the times that matter.

    In `tables`, the rows of a snapshot table are the states of things. Each state holds after `_from` and up
    to `_to`. The rows of an append table say in `_night` with which night they arrive. `base` has the first
    states, so that other tables can refer to them by position. A table keeps the positions it refers to under
    `_<column>`.
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
        # If there are several nights, things change in place after the first one, so that the change shows.
        self.changing = min(self.first + DAY, self.end - DAY)
        self.activated = self.first + min(2, self.size.nights - 1) * DAY + 15 * HOUR

    def rng(self, purpose: str) -> np.random.Generator:
        """Random numbers that do not depend on anything made before."""
        return np.random.default_rng([self.seed, zlib.crc32(purpose.encode())])

    def add(self, name: str, columns: dict[str, object], once: str = "") -> None:
        """Complete a table with ids and nulls. A column whose name begins with `_` is not exported.

        Rows that were never made, or only after the last night, are left out. So are rows that repeat the
        columns in `once`.
        """
        rows = max(len(v) for v in columns.values() if hasattr(v, "__len__") and not isinstance(v, str))
        born = BORN.get(name, "createdAt")
        ids = uuids(self.rng(f"{name} id"), rows)
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
        """Values as a column of their type. For references and times, the column's name tells the type."""
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
        """The ids of the things at these positions; null where the position is negative."""
        ids = np.append(self.base[name]["id"].to_numpy(object), None)
        return ids[np.where(index < 0, len(ids) - 1, index)]

    def column(self, name: str, column: str) -> np.ndarray:
        """A column of a table's first states; times as integers, texts as objects."""
        values = self.base[name][column]
        return ms(values) if values.dtype.kind == "M" else values.to_numpy()

    def members(self, rng: np.random.Generator, scene: np.ndarray) -> np.ndarray:
        """Draw members, most of them from these scenes. Some members are far more active than others."""
        activity = self.rng("activity").lognormal(0, 1, self.size.members)
        wanted = np.where(rng.random(len(scene)) < 0.85, scene, -1)
        return draw(rng, self.column("users", "_scene"), activity, wanted)

    def anybody(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw members of any scene."""
        return self.members(rng, np.full(count, -1))

    def ages(self, rng: np.random.Generator, count: int, before: float, during: float) -> np.ndarray:
        """When things were made, oldest first: a share before recorded activity, a share in the nights."""
        share = (np.arange(count) + 0.5) / count
        low = np.where(share < before, self.opened, np.where(share < 1 - during, self.start, self.first))
        high = np.where(share < before, self.start, np.where(share < 1 - during, self.first, self.end))
        return np.sort(between(rng, low, high))

    def when(self, rng: np.random.Generator, user: np.ndarray, since: np.ndarray | int) -> np.ndarray:
        """A moment for each user's act; NEVER if the user was not there then, or if no time was left."""
        since = np.broadcast_to(since, user.shape)
        at = moments(rng, since, self.end)
        return np.where((since < self.end) & self.there(user, at), at, NEVER)

    def sometime(self, rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
        """The moment at which each of these changes."""
        return moments(rng, np.full(len(rows), self.changing), self.end)

    def there(self, user: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Whether the users were members at these times."""
        created, left = self.column("users", "createdAt"), self.column("users", "_left")
        return (created[user] < at) & (at < left[user])


def draw(rng: np.random.Generator, scenes: np.ndarray, weights: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """For each scene draw one of its things, by weight; any thing if the scene is negative or has none."""
    order = np.argsort(scenes, kind="stable")
    scenes, sums = scenes[order], np.concatenate([[0.0], np.cumsum(weights[order])])
    low, high = (sums[np.searchsorted(scenes, wanted, side)] for side in ("left", "right"))
    anywhere = (wanted < 0) | (low == high)
    low, high = np.where(anywhere, 0, low), np.where(anywhere, sums[-1], high)
    drawn = np.searchsorted(sums, low + rng.random(len(wanted)) * (high - low), "right") - 1
    return order[np.clip(drawn, 0, len(order) - 1)]


def uuids(rng: np.random.Generator, count: int) -> np.ndarray:
    """Random UUIDs (version 4) as text."""
    digits = np.frombuffer(rng.bytes(16 * count).hex().encode(), "S1").reshape(count, 32).copy()
    digits[:, 12], digits[:, 16] = b"4", b"a"
    text = np.full((count, 36), b"-", "S1")
    text[:, [k for k in range(36) if k not in (8, 13, 18, 23)]] = digits
    return text.reshape(-1).view("S36").astype("U36").astype(object)


def ms(times: pd.Series) -> np.ndarray:
    """Times as integers."""
    return times.to_numpy().astype("datetime64[ms]").astype(np.int64)


def between(rng: np.random.Generator, low: np.ndarray, high: np.ndarray | int) -> np.ndarray:
    """Whole numbers from low up to high."""
    return low + (rng.random(len(low)) * (high - low)).astype(np.int64)


def moments(rng: np.random.Generator, low: np.ndarray, high: np.ndarray | int) -> np.ndarray:
    """Moments from low up to high, more of them in the evening."""
    any_time = between(rng, low, np.maximum(high, low + 1))
    hour = rng.choice(24, len(low), p=HOURS / HOURS.sum())
    evening = any_time // DAY * DAY + hour * HOUR + rng.integers(0, HOUR, len(low))
    return np.where((evening >= low) & (evening < high), evening, any_time)


def texts(prefix: str, numbers: np.ndarray, suffix: str = "") -> np.ndarray:
    """Numbered texts."""
    return (prefix + pd.Series(numbers).astype(str) + suffix).to_numpy(object)


def choose(
    rng: np.random.Generator, options: Sequence[str | None], count: int, odds: Sequence[float] | None = None
) -> np.ndarray:
    """Draw one of the options, the given number of times."""
    return np.array(options, dtype=object)[rng.choice(len(options), count, p=odds)]


def some(rng: np.random.Generator, values: np.ndarray, share: float) -> np.ndarray:
    """The values, with some of them left out."""
    return np.where(rng.random(len(values)) < share, values, None)


def first_of(*keys: np.ndarray) -> np.ndarray:
    """Whether each row is the first with its keys."""
    return ~pd.DataFrame(dict(enumerate(keys))).duplicated().to_numpy()
