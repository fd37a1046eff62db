"""What the second answers to the metrics share: the exports up to a night, who is at home where, the scopes.

Nothing here reads the warehouse or its SQL. A metric is one function that is asked for one scope and one
window, and answers with a cell (or several); `oracle` makes of it a function of the night that gives rows.
"""

import csv
import datetime as dt
import gzip
import json
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, wraps
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

SEEDS = Path(__file__).parents[2] / "seeds"

# The columns of each table that some metric reads; ? where the contract lets them be null.
COLUMNS = {
    "users": "id createdAt homeSceneCity? homeSceneState? homeSceneCommunity? gpsVerified homeSceneId?",
    "communities": "id name memberCount createdAt geofence? city? isActive musicCommunity? state? tier",
    "community_members": "id userId communityId role joinedAt",
    "artist_bands": "id name entityType homeSceneId? createdAt",
    "artist_band_members": "id artistBandId userId role createdAt",
    "sects": "id parentCommunityId name createdAt",
    "sect_tags": "id name status parentCommunityId createdAt",
    "user_tags": "id userId sectTagId createdAt",
    "registrar_entries": "id type status sceneId createdById artistBandId? createdAt",
    "registrar_artist_members": "id registrarEntryId instrument existingUserId? createdAt claimedUserId?",
    "user_capability_grants": "id userId capability status createdAt",
    "tracks": "id title? duration communityId? status createdAt artistBandId?",
    "track_engagements": "id userId trackId type score sessionId? createdAt",
    "track_votes": "id userId trackId sceneId tier createdAt",
    "rotation_entries": "id trackId sceneId pool enteredPoolAt recurrenceScore graduatedAt? createdAt"
    " updatedAt newWindowDays",
    "release_deck_schedules": "id trackId communityId artistBandId scheduledFor requestedFor? status"
    " createdAt",
    "fair_play_config": "id scope recurrenceRollingWindowDays?",
    "signals": "id type metadata? communityId? createdById? createdAt",
    "signal_actions": "id type userId signalId createdAt",
    "collections": "id userId createdAt",
    "collection_items": "id collectionId signalId createdAt",
    "follows": "id followerId entityType entityId createdAt",
    "events": "id startDate endDate latitude longitude communityId createdById createdAt artistBandId?",
    "event_attendances": "id userId eventId checkedInAt method createdAt",
    "proof_of_support": "id userId kind eventId? artistBandId? projectId? status method verifiedAt?"
    " revokedAt? createdAt",
    "projects": "id communityId createdById status createdAt",
    "project_supports": "id projectId userId kind createdAt",
    "pioneer_referrals": "id createdAt",
    "community_activation_audits": "id createdAt",
    "activity_point_adjustments": "id createdAt",
}
APPENDED = {
    "track_engagements", "track_votes", "signal_actions", "follows", "collection_items", "community_members",
    "user_tags", "event_attendances", "project_supports", "pioneer_referrals", "community_activation_audits",
    "activity_point_adjustments",
}  # fmt: skip
SCORES = {"full": 3, "majority": 2, "partial": 1, "skip": 0}
ACTIONS = ("ADD", "BLAST", "RECOMMEND", "SUPPORT")
NUMBERS = {
    "score", "memberCount", "recurrenceScore", "recurrenceRollingWindowDays", "duration", "latitude",
    "longitude", "newWindowDays",
}  # fmt: skip
BOOLEANS = {"gpsVerified", "isActive"}
TIMES = {"scheduledFor", "requestedFor"}

DAY = pd.Timedelta(hours=24)
WEEK = 7 * DAY
WINDOWS = (7, 30, 90, None)  # None: all there is before as-of
POINT_IN_TIME = (None,)
TIERS = ("city", "state", "national", "platform")
# What the scenes of a scope have in common, and the parts of a place that a scope of the tier has.
IN_COMMON = {"city": ["id"], "state": ["state", "music_community"], "national": ["music_community"]}
PLACE = ("scene_id", "state", "city", "music_community")
KEY = ("metric", "subject_type", "subject_id", "tier", *PLACE, "is_unscoped", "window_days", "bucket")
NUMBERS_OF_A_ROW = ("value", "numerator", "denominator", "coverage", "cohort_size")

Day = dt.date
Window = int | None
Home = str | None


@dataclass(frozen=True)
class Scope:
    """The scenes that are looked at together.

    Attributes:
        tier: city, state, national or platform.
        place: scene, state, city, music community; None what the tier does not have.
        scenes: of the scope; of what is unscoped: those that are in some scope of the tier.
        is_unscoped: whether it is what belongs to no scope of the tier.
    """

    tier: str
    place: tuple[Home, Home, Home, Home]
    scenes: frozenset[str]
    is_unscoped: bool = False

    @property
    def place_of(self) -> dict[str, Home]:
        """The place by the names of its parts."""
        return dict(zip(PLACE, self.place, strict=True))

    def has(self, scenes: "pd.Series | Collection[Home]") -> np.ndarray:
        """Which of these scenes (None: none at all) belong here."""
        if self.tier == "platform":
            return np.ones(len(scenes), bool)
        return np.array([(scene in self.scenes) != self.is_unscoped for scene in scenes], bool)


@dataclass(frozen=True)
class Cell:
    """One number; what a row has besides scope and window.

    Attributes:
        value: None where there is none.
        people: the cohort, or how many they are; None where the metric names no cohort.
    """

    value: float | None
    numerator: float | None = None
    denominator: float | None = None
    coverage: float | None = None
    people: "Collection[str] | int | None" = None
    subject_type: str = "scene"
    subject_id: str | None = None
    bucket: str | None = None


def divided(numerator: float, denominator: float) -> float | None:
    """The one by the other, none by 0."""
    return numerator / denominator if denominator else None


def ratio(numerator: float, denominator: float, **more: Any) -> Cell:
    """Both, and the one divided by the other."""
    return Cell(divided(numerator, denominator), numerator, denominator, **more)


def distinct(values: pd.Series) -> set[str]:
    """The different values there are: mostly people, or tracks."""
    return {value for value in set(values) if not pd.isna(value)}


def median(values: pd.Series) -> float | None:
    """The middle value, or the mean of the two in the middle."""
    ordered = sorted(values)
    half = len(ordered) // 2
    if not ordered:
        return None
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def pearson(one: Collection[float], other: Collection[float]) -> float | None:
    """The correlation, none where either is the same throughout."""
    if len(set(one)) < 2 or len(set(other)) < 2:
        return None
    x, y = np.asarray(one, float), np.asarray(other, float)
    x, y = x - x.mean(), y - y.mean()
    return float((x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum()))


def whole_days(since: pd.Series, until: "pd.Series | pd.Timestamp") -> pd.Series:
    """The difference of the UTC dates."""
    until = until.dt.normalize() if isinstance(until, pd.Series) else until.normalize()
    return (until - since.dt.normalize()) // DAY


def read_part(part: Path) -> pd.DataFrame:
    """The rows of one file, every value as it lies there."""
    opened = gzip.open if part.name.endswith(".gz") else open
    if part.name.endswith((".csv", ".csv.gz")):
        with opened(part, "rt", encoding="utf-8", newline="") as file:
            header = next(csv.reader(file), [])
        with duckdb.connect() as connection:
            return connection.read_csv(
                str(part), columns=dict.fromkeys(header, "VARCHAR"), header=True, auto_detect=False,
                delimiter=",", quotechar='"', escapechar='"', na_values="", allow_quoted_nulls=False,
            ).df()  # fmt: skip
    if part.name.endswith(".parquet"):
        with duckdb.connect() as connection:
            return connection.read_parquet(str(part)).df()
    with opened(part, "rt", encoding="utf-8") as lines:
        return pd.DataFrame([json.loads(line) for line in lines if line.strip()], dtype=object)


def typed(table: str, rows: pd.DataFrame) -> pd.DataFrame:
    """The columns that are read: times, numbers and booleans as such, all else as text or None."""
    extra = [column for column in rows if table == "fair_play_config" and column.startswith("newWindow")]
    columns = {}
    for column in [*COLUMNS[table].replace("?", "").split(), *extra]:
        values = rows[column] if column in rows else pd.Series(None, rows.index, dtype=object)
        if column.endswith(("At", "Date")) or column in TIMES:
            times = pd.to_datetime(values, format="ISO8601", errors="coerce")
            columns[column] = times.astype("datetime64[ms]")
        elif column in NUMBERS:
            columns[column] = pd.to_numeric(values, errors="coerce")
        elif column in BOOLEANS:
            columns[column] = values.map(lambda value: str(value).lower() in ("t", "true")).astype(bool)
        elif column == "metadata":
            columns[column] = values.astype(object)
        else:
            texts = [None if pd.isna(value) else str(value) for value in values]
            columns[column] = pd.Series(texts, rows.index, dtype=object)
    return pd.DataFrame(columns, index=rows.index)


def sound(table: str, night: Day, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that the contract allows: whole, with the types it names, none from after its night."""
    never_null = [column for column in COLUMNS[table].split() if not column.endswith("?")]
    good = rows[never_null].notna().all(axis=1)
    if table == "track_engagements":
        good &= rows["score"] == rows["type"].map(SCORES)
    if table == "signal_actions":
        good &= rows["type"].isin(ACTIONS)
    if table in APPENDED:
        good &= rows["joinedAt" if table == "community_members" else "createdAt"] < pd.Timestamp(night) + DAY
    return rows[good]


def is_data(name: str) -> bool:
    """Whether a file or folder of this name is delivered data."""
    return not name.startswith((".", "_")) and not name.endswith(".tmp")


def parts_of(night: Path) -> list[Path]:
    """The files of one night."""
    return sorted(part for part in night.iterdir() if is_data(part.name))


def is_whole(night: Path) -> bool:
    """Whether a night has files, and those that its manifest states, if it has one."""
    parts, manifest = parts_of(night), night / "_manifest.json"
    if not manifest.exists():
        return bool(parts)
    stated = json.loads(manifest.read_text())["parts"]
    return set(stated) == {part.name for part in parts} and all(
        stated[part.name].get("rows") in (None, len(read_part(part)))
        and stated[part.name].get("sha256") in (None, sha256(part.read_bytes()).hexdigest())
        for part in parts
    )


class Night:
    """The exports of one directory, read up to and with night `day`.

    `refused` are further nights (table, night) that must not be loaded, beside those that disagree with their
    manifest. `instruments` are the words of the seed and the instrument that each of them names.
    """

    def __init__(
        self,
        directory: "Path | None",
        day: Day,
        refused: Collection[tuple[str, Day]] = (),
        instruments: dict[str, str] | None = None,
    ) -> None:
        """Nothing is read before it is asked for."""
        self.directory, self.day, self.refused = directory, day, frozenset(refused)
        self.as_of = pd.Timestamp(day) + DAY
        self.instruments = seeded_instruments() if instruments is None else instruments
        self._read: dict[tuple[str, Day], pd.DataFrame] = {}
        self._kept: dict[tuple[Any, ...], Any] = {}

    # The exports

    def nights(self, table: str) -> list[Day]:
        """The nights delivered whole of the table, oldest first."""
        return self.kept("nights", lambda: self._nights(table), table)

    def _nights(self, table: str) -> list[Day]:
        folder = self.directory / table
        found = sorted(path for path in folder.iterdir() if is_data(path.name)) if folder.is_dir() else []
        nights = {dt.date.fromisoformat(path.name): path for path in found}
        return [
            night
            for night, path in nights.items()
            if night <= self.day and (table, night) not in self.refused and is_whole(path)
        ]

    def read(self, table: str, night: Day) -> pd.DataFrame:
        """The rows delivered of one night."""
        parts = parts_of(self.directory / table / night.isoformat())
        rows = pd.concat([typed(table, read_part(part)) for part in parts], ignore_index=True)
        return sound(table, night, rows)

    def snapshot(self, table: str, night: Day) -> pd.DataFrame:
        """The rows delivered of one night, each once."""
        if (table, night) not in self._read:
            rows = self.read(table, night)
            self._read[table, night] = rows.drop_duplicates("id", keep="last", ignore_index=True)
        return self._read[table, night]

    def snapshots(self, table: str) -> dict[Day, pd.DataFrame]:
        """Every night delivered, oldest first, and its rows."""
        return {night: self.snapshot(table, night) for night in self.nights(table)}

    def table(self, table: str) -> pd.DataFrame:
        """A snapshot table as of the night; no rows where it was never delivered."""
        nights = self.nights(table)
        return self.snapshot(table, nights[-1]) if nights else self.nothing(table)

    def rows(self, table: str) -> pd.DataFrame:
        """Every row ever delivered, each once, as its last night has it.

        Of an append table: its rows. Of a snapshot table: also those that are gone, as last known.
        """
        return self.kept("rows", lambda: self._rows(table), table)

    def _rows(self, table: str) -> pd.DataFrame:
        nights = list(self.snapshots(table).values()) or [self.nothing(table)]
        return pd.concat(nights, ignore_index=True).drop_duplicates("id", keep="last", ignore_index=True)

    def delivered(self, *tables: str) -> bool:
        """Whether all of these arrived on some night."""
        return all(self.nights(table) for table in tables)

    @staticmethod
    def nothing(table: str) -> pd.DataFrame:
        """The columns of a table, and no row."""
        return typed(table, pd.DataFrame())

    # Windows

    def since(self, days: int) -> pd.Timestamp:
        """The first instant of the window."""
        return self.as_of - days * DAY

    def inside(self, times: pd.Series, window: Window) -> pd.Series:
        """Which of these times are in the window."""
        in_time = times < self.as_of
        return in_time if window is None else in_time & (times >= self.since(window))

    def before(self, times: pd.Series, days: int) -> pd.Series:
        """Which of these times are in the window before the window of so many days."""
        return (times >= self.since(2 * days)) & (times < self.since(days))

    def weeks(self, days: int) -> list[pd.Timestamp]:
        """The Mondays of the complete ISO weeks that lie in the window."""
        first, last = self.since(days), self.as_of - WEEK
        monday = first + ((7 - first.weekday()) % 7) * DAY
        return list(pd.date_range(monday, last, freq="7D"))

    def kept(self, name: str, make: Callable[[], Any], *key: Any) -> Any:
        """What `make` gives, made once for the name and the key."""
        if (name, *key) not in self._kept:
            self._kept[(name, *key)] = make()
        return self._kept[(name, *key)]

    # Scenes, scopes

    @cached_property
    def scenes(self) -> pd.DataFrame:
        """Communities of tier city by id, as last known: also those that are gone."""
        last = self.rows("communities")
        last = last[last["tier"] == "city"].rename(columns={"musicCommunity": "music_community"})
        return last.set_index("id", drop=False).rename_axis(None).sort_index()

    @cached_property
    def scopes(self) -> list[Scope]:
        """Every scope of the four tiers, and what is unscoped in each but the platform."""
        found = []
        for tier, common in IN_COMMON.items():
            placed = self.scenes.dropna(subset=common)
            for values, scenes in placed.groupby(common, sort=True):
                place = dict.fromkeys(PLACE)
                if tier == "city":
                    scene = scenes.iloc[0]
                    place = {part: scene["id" if part == "scene_id" else part] for part in PLACE}
                else:
                    place |= dict(zip(common, values, strict=True))
                found.append(Scope(tier, tuple(place.values()), frozenset(scenes["id"])))
            found.append(Scope(tier, (None,) * 4, frozenset(placed["id"]), is_unscoped=True))
        return [*found, Scope("platform", (None,) * 4, frozenset())]

    def scope_of(self, tier: str, scene: Home) -> Scope:
        """The scope of the tier to which a scene belongs: one of the tier, or what is unscoped in it."""
        of_tier = [scope for scope in self.scopes if scope.tier == tier]
        return next(scope for scope in of_tier if scope.has([scene])[0])

    # People and their homes

    @cached_property
    def homes(self) -> dict[Day, dict[str, Home]]:
        """By delivered night of users, everybody's home scene that night, None where there is none."""
        by_text: dict[tuple[Home, Home, Home], str] = {}
        for scene in self.scenes.sort_index(ascending=False).itertuples():
            by_text[scene.city, scene.state, scene.music_community] = scene.id
        found = {}
        for night, users in self.snapshots("users").items():
            columns = ["id", "homeSceneId", "homeSceneCity", "homeSceneState", "homeSceneCommunity"]
            found[night] = {
                user: named if named in self.scenes.index else by_text.get(tuple(text))
                for user, named, *text in users[columns].itertuples(index=False)
            }
        return found

    @cached_property
    def _known(self) -> dict[str, tuple[list[Day], list[Home]]]:
        known: dict[str, tuple[list[Day], list[Home]]] = {}
        for night, homes in self.homes.items():
            for user, home in homes.items():
                nights, there = known.setdefault(user, ([], []))
                nights.append(night)
                there.append(home)
        return known

    def home_on(self, user: "str | None", day: Day) -> Home:
        """The home scene as last known by that day; before the person's first snapshot, the first known."""
        nights, homes = self._known.get(user, ([], []))
        return homes[max(bisect_right(nights, day) - 1, 0)] if nights else None

    def at_home(self, rows: pd.DataFrame, user: str, at: str) -> pd.DataFrame:
        """The rows and, as `home`, the home scene of the person on the day of the row."""
        homes = [
            self.home_on(person, time.date()) if pd.notna(time) else None
            for person, time in zip(rows[user], rows[at], strict=True)
        ]
        return rows.assign(home=pd.Series(homes, rows.index, dtype=object))

    @cached_property
    def users(self) -> pd.DataFrame:
        """Users as of the night, with `home`."""
        users = self.table("users")
        homes = list(self.homes.values())[-1] if self.homes else {}
        return users.assign(home=pd.Series([homes[user] for user in users["id"]], users.index, dtype=object))

    def members(self, scope: Scope) -> set[str]:
        """Users as of the night whose home scene belongs to the scope."""
        users = self.users
        return self.kept("members", lambda: distinct(users["id"][scope.has(users["home"])]), scope)

    @cached_property
    def joined(self) -> pd.DataFrame:
        """Rows of community_members before as-of, of people who are in users as of the night."""
        rows = self.rows("community_members")
        return rows[(rows["joinedAt"] < self.as_of) & rows["userId"].isin(set(self.users["id"]))]

    # Things, and the scene each belongs to

    @cached_property
    def artists(self) -> pd.DataFrame:
        """Artist_bands as of the night; `homeSceneId` is their scene."""
        return self.table("artist_bands")

    def of_scope(self, scope: Scope) -> set[str]:
        """The artists of the scope."""
        return distinct(self.artists["id"][scope.has(self.artists["homeSceneId"])])

    @cached_property
    def rotation(self) -> pd.DataFrame:
        """Rotation entries as of the night, with the `artist` of the track."""
        entries = self.table("rotation_entries")
        return entries.assign(artist=self.look_up(entries["trackId"], "tracks", "artistBandId"))

    def songs(self, scope: Scope) -> set[str]:
        """The songs in rotation in the scope."""
        return distinct(self.rotation["trackId"][scope.has(self.rotation["sceneId"])])

    def look_up(self, ids: pd.Series, table: str, column: str) -> pd.Series:
        """That column of the rows of these ids, as of the night; None where there is no such row."""
        known = self.table(table).set_index("id")[column].to_dict()
        return pd.Series([known.get(key) for key in ids], ids.index, dtype=object)

    @cached_property
    def signals(self) -> pd.DataFrame:
        """Signals as of the night; `artist` is the artist that the signal names, if it names one."""
        signals, artists = self.table("signals"), set(self.artists["id"])
        named = [artist_named(metadata) for metadata in signals["metadata"]]
        artist = pd.Series([one if one in artists else None for one in named], signals.index, dtype=object)
        return signals.assign(artist=artist)

    # Acts, each with the person's `home` on the day

    @cached_property
    def listens(self) -> pd.DataFrame:
        """Listens before as-of, with the `artist` and the `scene` of the track."""
        rows = self._acts("track_engagements", "userId", "createdAt")
        return rows.assign(
            artist=self.look_up(rows["trackId"], "tracks", "artistBandId"),
            scene=self.look_up(rows["trackId"], "tracks", "communityId"),
        )

    @cached_property
    def votes(self) -> pd.DataFrame:
        """Votes before as-of; `sceneId` is their scene."""
        return self._acts("track_votes", "userId", "createdAt")

    @cached_property
    def actions(self) -> pd.DataFrame:
        """Signal actions before as-of, with `signal_type`, `scene` and `artist` of the signal."""
        rows = self._acts("signal_actions", "userId", "createdAt")
        signals = self.signals.set_index("id")
        for column, of_signal in (("signal_type", "type"), ("scene", "communityId"), ("artist", "artist")):
            known = signals[of_signal].to_dict()
            values = [known.get(key) for key in rows["signalId"]]
            rows[column] = pd.Series(values, rows.index, dtype=object)
        return rows

    @cached_property
    def follows(self) -> pd.DataFrame:
        """Follows before as-of, with the `pair` and the `scene` of what is followed."""
        rows = self._acts("follows", "followerId", "createdAt")
        artists = self.artists.set_index("id")["homeSceneId"].to_dict()
        scenes = [
            artists.get(entity) if kind in ("artist", "artistBand", "band")
            else entity if kind == "community" and entity in self.scenes.index
            else None
            for kind, entity in zip(rows["entityType"], rows["entityId"], strict=True)
        ]  # fmt: skip
        pairs = list(zip(rows["followerId"], rows["entityId"], strict=True))
        return rows.assign(
            scene=pd.Series(scenes, rows.index, dtype=object), pair=pd.Series(pairs, rows.index, dtype=object)
        )

    @cached_property
    def attendances(self) -> pd.DataFrame:
        """Attendances checked in before as-of, with `scene` and `artist` of the event; `is_verified`."""
        rows = self._acts("event_attendances", "userId", "checkedInAt")
        return rows.assign(
            scene=self.look_up(rows["eventId"], "events", "communityId"),
            artist=self.look_up(rows["eventId"], "events", "artistBandId"),
            is_verified=rows["method"].isin(["qr_scan", "location"]),
        )

    @cached_property
    def civic(self) -> pd.DataFrame:
        """Civic actions before as-of: `person`, `at`, `home`; rows of one `act` are one action."""
        found = []
        for kind, rows, person, at, act in (
            ("action", self.actions, "userId", "createdAt", "id"),
            ("vote", self.votes, "userId", "createdAt", "id"),
            ("follow", self.follows, "followerId", "createdAt", "pair"),
            ("attendance", self.attendances, "userId", "checkedInAt", "id"),
        ):
            acts = rows[[person, at, "home"]].set_axis(["person", "at", "home"], axis=1)
            found.append(acts.assign(act=[f"{kind} {one}" for one in rows[act]]).astype({"act": object}))
        return pd.concat(found, ignore_index=True)

    @cached_property
    def activity(self) -> pd.DataFrame:
        """Listens and civic actions before as-of, as in `civic`."""
        listens = self.listens[["userId", "createdAt", "home"]].set_axis(["person", "at", "home"], axis=1)
        listens = listens.assign(act=[f"listen {one}" for one in self.listens["id"]]).astype({"act": object})
        return pd.concat([listens, self.civic], ignore_index=True)

    def active(self, window: Window, scope: "Scope | None" = None) -> set[str]:
        """Active users in the window, at home in the scope (or wherever)."""
        return self.kept("active", lambda: self._active(window, scope), window, scope)

    def _active(self, window: Window, scope: "Scope | None") -> set[str]:
        acts = self.activity[self.inside(self.activity["at"], window)]
        return distinct(acts["person"] if scope is None else acts["person"][scope.has(acts["home"])])

    def active_before(self, days: int, scope: "Scope | None" = None) -> set[str]:
        """Active users in the window before, at home in the scope (or wherever)."""
        acts = self.activity[self.before(self.activity["at"], days)]
        return distinct(acts["person"] if scope is None else acts["person"][scope.has(acts["home"])])

    def _acts(self, table: str, user: str, at: str) -> pd.DataFrame:
        rows = self.rows(table)
        return self.at_home(rows[rows[at] < self.as_of].reset_index(drop=True), user, at)


def once(make: Callable[..., Any]) -> Callable[..., Any]:
    """A function of a night and more that several metrics ask: it answers once, and keeps its answer."""

    @wraps(make)
    def kept(night: Night, *more: Any) -> Any:
        return night.kept(f"{make.__module__}.{make.__name__}", lambda: make(night, *more), *more)

    return kept


class MadeUp(Night):
    """A night of exports that never were files: by table and night, the rows; null what they do not say."""

    def __init__(self, day: Day, tables: dict[str, dict[Day, list[dict[str, Any]]]], **more: Any) -> None:
        """The rows as they would be delivered."""
        super().__init__(None, day, **more)
        self._made_up = tables

    def _nights(self, table: str) -> list[Day]:
        return sorted(night for night in self._made_up.get(table, {}) if night <= self.day)

    def read(self, table: str, night: Day) -> pd.DataFrame:
        """The rows made up of one night."""
        return typed(table, pd.DataFrame(self._made_up[table][night]))


def artist_named(metadata: object) -> str | None:
    """The artistBandId in the metadata of a signal."""
    if isinstance(metadata, str):
        try:
            metadata = json.loads(metadata)
        except ValueError:
            return None
    named = metadata.get("artistBandId") if isinstance(metadata, dict) else None
    return None if named is None else str(named)


def seeded_instruments() -> dict[str, str]:
    """The instrument that each word of the seed names; none where there is no seed yet."""
    file = SEEDS / "instrument.csv"
    if not file.exists():
        return {}
    with file.open(newline="") as lines:
        return {word: instrument for word, instrument, *_ in list(csv.reader(lines))[1:]}


Answer = Cell | Iterable[Cell] | None
ORACLE: dict[str, Callable[[Night], list[dict[str, Any]]]] = {}


def oracle(
    metric: str,
    windows: tuple[Window, ...] = WINDOWS,
    tiers: tuple[str, ...] = TIERS,
    needs: tuple[str, ...] = (),
) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
    """Enter a function of night, scope and window among the answers: of all windows, and scopes of the tiers.

    `needs` are the tables without which the metric has no row at all.
    """

    def enter(answer: Callable[..., Answer]) -> Callable[..., Answer]:
        def rows(night: Night) -> list[dict[str, Any]]:
            return list(_rows(night)) if night.delivered(*needs) else []

        def _rows(night: Night) -> Iterator[dict[str, Any]]:
            for scope in night.scopes:
                for window in windows if scope.tier in tiers else ():
                    cells = answer(night, scope, window)
                    for cell in [cells] if isinstance(cells, Cell) else cells or ():
                        yield row(metric, scope, window, cell)

        if metric in ORACLE:
            raise ValueError(f"{metric} is answered twice")
        ORACLE[metric] = rows
        return answer

    return enter


def row(metric: str, scope: Scope, window: Window, cell: Cell) -> dict[str, Any]:
    """A row of the answer."""
    people = cell.people
    return {
        "metric": metric,
        "subject_type": cell.subject_type,
        "subject_id": cell.subject_id,
        "tier": scope.tier,
        **scope.place_of,
        "is_unscoped": scope.is_unscoped,
        "window_days": window,
        "bucket": cell.bucket,
        "value": cell.value,
        "numerator": cell.numerator,
        "denominator": cell.denominator,
        "coverage": cell.coverage,
        "cohort_size": people if people is None or isinstance(people, int) else len(people),
    }


def answers(night: Night, metrics: "Iterable[str] | None" = None) -> pd.DataFrame:
    """The rows of these metrics, or of all."""
    rows = [row for metric in metrics or sorted(ORACLE) for row in ORACLE[metric](night)]
    found = pd.DataFrame(rows, columns=[*KEY, *NUMBERS_OF_A_ROW], dtype=object)
    found[list(KEY)] = found[list(KEY)].where(found[list(KEY)].notna(), None)
    return found.astype(dict.fromkeys(NUMBERS_OF_A_ROW, float))
