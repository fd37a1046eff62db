"""Second answers, in pandas: what the exports contract says, worked out from the delivered files alone.

Nothing here reads the warehouse or its SQL. Where the contract gives a formula, the formula is followed word
by word, one row at a time; the warehouse has to come to the same numbers in its own way.
"""

import datetime as dt
import gzip
import json
from collections import Counter
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

DAY_MS = 24 * 60 * 60 * 1000
JOB_TIME_MS = 60 * 1000
DEFAULT_WINDOW_DAYS = 14
POINTS = {
    "blast": 5,
    "support": 10,
    "attendance": 15,
    "project_support": 25,
    "proof_of_support": 100,
    "pioneer_formation": 250,
    "pioneer_recruiting": 100,
    "pioneer_joining": 50,
}
# What the scenes of a scope share with the community asked about, and a verified user's home text with it.
SCOPE_PARTS = {"city": ["id"], "state": ["state", "musicCommunity"], "national": ["musicCommunity"]}
HOME_TEXT = {"city": "homeSceneCity", "state": "homeSceneState", "musicCommunity": "homeSceneCommunity"}
TEXT_PARTS = {"city": list(HOME_TEXT), "state": ["state", "musicCommunity"], "national": ["musicCommunity"]}
NUMBERS = ("score", "memberCount", "recurrenceScore", "recurrenceRollingWindowDays")
TRUE = ("t", "true", True)
Home = dict[str, str | None]


@dataclass(frozen=True)
class Exports:
    """A directory of exports, read up to and with one night.

    Attributes:
        directory: where the folders of the tables lie.
        last_night: the night as of which everything is.
        unsound: nights of track_engagements that were refused, or of which rows were rejected.
    """

    directory: Path
    last_night: dt.date
    unsound: frozenset[dt.date] = frozenset()

    @property
    def as_of(self) -> pd.Timestamp:
        """The instant after the last night, at which every window ends."""
        return pd.Timestamp(self.last_night) + pd.Timedelta(hours=24)

    def nights(self, table: str) -> list[dt.date]:
        """The nights delivered, oldest first."""
        found = sorted(dt.date.fromisoformat(folder.name) for folder in (self.directory / table).iterdir())
        return [night for night in found if night <= self.last_night]

    def snapshot(self, table: str, night: dt.date) -> pd.DataFrame:
        """The rows of one night, each once."""
        return self._night(table, night).drop_duplicates("id", keep="last", ignore_index=True)

    def latest(self, table: str) -> pd.DataFrame:
        """The last night's snapshot."""
        return self.snapshot(table, self.nights(table)[-1])

    def events(self, table: str) -> pd.DataFrame:
        """The rows of an append table, each once: what was delivered last of it stands."""
        rows = pd.concat([self._night(table, night) for night in self.nights(table)], ignore_index=True)
        return rows.drop_duplicates("id", keep="last", ignore_index=True)

    def since(self, days: int) -> pd.Timestamp:
        """The first instant of the window of so many days before as-of."""
        return self.as_of - pd.Timedelta(hours=24 * days)

    def _night(self, table: str, night: dt.date) -> pd.DataFrame:
        return _delivered(self.directory / table / night.isoformat())

    @cached_property
    def scenes(self) -> pd.DataFrame:
        """Communities of tier city as they were last seen, by id."""
        seen = pd.concat([self.snapshot("communities", night) for night in self.nights("communities")])
        last = seen.drop_duplicates("id", keep="last")
        return last[last["tier"] == "city"].set_index("id").sort_index()

    @cached_property
    def homes(self) -> dict[dt.date, Home]:
        """Each night's home scene of each member, None where there is none."""
        found = {}
        for night in self.nights("users"):
            users = self.snapshot("users", night)
            found[night] = {user["id"]: self._home(user) for user in users.to_dict("records")}
        return found

    def _home(self, user: dict[str, object]) -> str | None:
        if user["homeSceneId"] in self.scenes.index:
            return user["homeSceneId"]
        text = (user["homeSceneCity"], user["homeSceneState"], user["homeSceneCommunity"])
        there = [
            scene.Index
            for scene in self.scenes.itertuples()
            if (scene.city, scene.state, scene.musicCommunity) == text
        ]
        return min(there, default=None)

    def home_on(self, user: str, day: dt.date) -> str | None:
        """The home scene that night: as last known by then; before the first snapshot, as first known."""
        seen = [night for night, home in self.homes.items() if user in home]
        then = [night for night in seen if night <= day]
        return self.homes[then[-1] if then else seen[0]][user] if seen else None

    @cached_property
    def ever_members(self) -> set[str]:
        """Everyone in any users snapshot."""
        return {user for home in self.homes.values() for user in home}


def plot_statistics(exports: Exports) -> pd.DataFrame:
    """The app's statistics of every community at every tier scope, then the warehouse's own."""
    communities = exports.latest("communities").to_dict("records")
    users, events, awards = exports.latest("users"), exports.latest("events"), ledger(exports)
    sects = exports.latest("sect_tags").query("status == 'active'")
    ready = exports.latest("tracks").query("status == 'ready'")
    week = exports.since(7)
    actions = exports.events("signal_actions").merge(
        exports.latest("signals"), left_on="signalId", right_on="id", suffixes=("", "_of_signal")
    )
    actions = actions[(actions["createdAt"] >= week) & (actions["type_of_signal"] != "flyer")]
    created = events[(events["createdAt"] >= week) & (events["createdAt"] < exports.as_of)]
    verified = users[users["gpsVerified"]].to_dict("records")
    home = exports.homes[exports.nights("users")[-1]]
    rows = []
    for asked in communities:
        for tier_scope, parts in SCOPE_PARTS.items():
            scope = [
                community
                for community in communities
                if (tier_scope == "city" or community["tier"] == "city")
                and all(community[part] == asked[part] for part in parts)
            ]
            ids = {community["id"] for community in scope}
            there = [
                user
                for user in verified
                if all(user[HOME_TEXT[part]] == asked[part] for part in TEXT_PARTS[tier_scope])
            ]
            in_scope = awards[awards["scene_id"].isin(ids & set(exports.scenes.index))]
            last_30d = in_scope[in_scope["occurred_at"] >= exports.since(30)]
            rows.append({
                "as_of_date": exports.last_night,
                "scene_id": asked["id"],
                "tier_scope": tier_scope,
                "total_members": sum(community["memberCount"] for community in scope),
                "active_sects": int(sects["parentCommunityId"].isin(ids).sum()),
                "events_this_week": int(created["communityId"].isin(ids).sum()),
                "signal_actions_7d": int(actions["communityId"].isin(ids).sum()),
                "active_tracks": int(ready["communityId"].isin(ids).sum()),
                "gps_verified_users": len(there),
                "scope_community_count": len(scope),
                "activity_score_7d": int(in_scope["points"][in_scope["occurred_at"] >= week].sum()),
                "activity_score_30d": int(last_30d["points"].sum()),
                "activity_score_all_time": int(in_scope["points"].sum()),
                "members": sum(scene in ids for scene in home.values()),
                "contributors_30d": last_30d["user_id"].nunique(),
            })  # fmt: skip
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Listening:
    """When a track was listened to, in order, and the sum of scores up to each time."""

    at: np.ndarray
    total: np.ndarray

    @classmethod
    def of(cls, engagements: pd.DataFrame) -> "Listening":
        """Order the engagements of one track."""
        at = milliseconds(engagements["createdAt"])
        order = np.argsort(at, kind="stable")
        return cls(at[order], np.concatenate([[0], np.cumsum(engagements["score"].to_numpy()[order])]))

    def score(self, as_of: np.ndarray | int, days: int) -> np.ndarray:
        """The sum of scores in [as_of - days * 24h, as_of], both ends included."""
        ended = np.searchsorted(self.at, as_of, "right")
        return self.total[ended] - self.total[np.searchsorted(self.at, as_of - days * DAY_MS, "left")]


def rotation_recurrence(exports: Exports) -> pd.DataFrame:
    """Every exported score of MAIN_ROTATION replayed, every millisecond of the job's minute tried."""
    engagements = exports.events("track_engagements")
    listening = {track: Listening.of(rows) for track, rows in engagements.groupby("trackId")}
    silence = Listening.of(engagements.head(0))
    communities = exports.latest("communities")
    scenes = set(communities["id"][communities["tier"] == "city"])
    rows = []
    for night in exports.nights("rotation_entries"):
        entries = exports.snapshot("rotation_entries", night)
        for entry in entries[entries["pool"] == "MAIN_ROTATION"].to_dict("records"):
            replayed, verdict = _judge(exports, entry, listening.get(entry["trackId"], silence))
            rows.append({
                "as_of_date": night,
                "scene_id": entry["sceneId"],
                "track_id": entry["trackId"],
                "recurrence_score": float(entry["recurrenceScore"]),
                "replayed_recurrence_score": float(replayed),
                "verdict": verdict if entry["sceneId"] in scenes else "not_judged",
            })  # fmt: skip
    return pd.DataFrame(rows)


def _judge(exports: Exports, entry: dict[str, object], heard: Listening) -> tuple[float, str]:
    """The score that listening gives, and what follows: the job's instant, graduation, the job's minute."""
    score, updated = entry["recurrenceScore"], entry["updatedAt"]
    instants = [updated] if pd.isna(entry["graduatedAt"]) else [updated, entry["graduatedAt"]]
    days = [window_days(exports, at.date()) for at in instants]
    scores = [heard.score(milliseconds(at), n) for at, n in zip(instants, days, strict=True)]
    known = [_is_known(exports, at, n) for at, n in zip(instants, days, strict=True)]
    minute = np.arange(milliseconds(updated) - JOB_TIME_MS, milliseconds(updated))
    nearly = (heard.score(minute, days[0]) == score).any()
    replayed = score if score in scores or nearly else scores[0]
    if any(found == score and sure for found, sure in zip(scores, known, strict=True)):
        return replayed, "match"
    if nearly and known[0]:
        return replayed, "within_job_time"
    return replayed, "mismatch" if all(known) else "not_judged"


def _is_known(exports: Exports, at: pd.Timestamp, days: int) -> bool:
    """Whether every night of the window arrived whole; the first night delivered holds all days before it."""
    nights = exports.nights("track_engagements")
    window = pd.date_range((at - pd.Timedelta(hours=24 * days)).normalize(), at.normalize(), freq="D")
    holding = {max(day.date(), nights[0]) for day in window}
    return holding <= set(nights) - exports.unsound


def window_days(exports: Exports, day: dt.date) -> int:
    """N as the configuration had it that night; before the first delivered one, as it had it then."""
    nights = exports.nights("fair_play_config")
    night = max((night for night in nights if night <= day), default=nights[0])
    config = exports.snapshot("fair_play_config", night)
    stated = config["recurrenceRollingWindowDays"][config["scope"] == "global"].dropna()
    return int(stated.iloc[0]) if len(stated) else DEFAULT_WINDOW_DAYS


def acts(exports: Exports) -> pd.DataFrame:
    """Every act by rule: who, when, which row, the scene it names if any, and what it pays only once."""
    actions, attendances = exports.events("signal_actions"), exports.events("event_attendances")
    proofs, referrals = exports.latest("proof_of_support"), exports.events("pioneer_referrals")
    audits = exports.events("community_activation_audits")
    audits["listener"] = [set(_json(ids)) for ids in audits["cutoverListenerIds"]]
    audits = audits.explode("listener").dropna(subset="listener")
    verified = proofs[proofs["status"] == "verified"]
    found = [
        _acts("blast", actions[actions["type"] == "BLAST"], "userId", "createdAt"),
        _acts("support", actions[actions["type"] == "SUPPORT"], "userId", "createdAt"),
        _acts("attendance", attendances, "userId", "checkedInAt", once="eventId"),
        _acts("project_support", exports.events("project_supports"), "userId", "createdAt"),
        _acts("proof_of_support", verified, "userId", "verifiedAt"),
        _acts("pioneer_formation", audits, "listener", "createdAt", scene="sceneId", once="sceneId"),
        _acts("pioneer_recruiting", referrals, "pioneerId", "createdAt", scene="communityId"),
        _acts("pioneer_joining", referrals, "recruitedUserId", "createdAt", scene="communityId"),
    ]
    everything = pd.concat(found, ignore_index=True)
    return everything[everything["occurred_at"] < exports.as_of]


def _acts(
    rule: str, rows: pd.DataFrame, user: str, at: str, scene: str | None = None, once: str | None = None
) -> pd.DataFrame:
    return pd.DataFrame({
        "rule_id": rule,
        "user_id": rows[user],
        "occurred_at": rows[at],
        "source_id": rows["id"],
        "scene_id": rows[scene] if scene else None,
        "once": rows[once] if once else rows["id"],
    })  # fmt: skip


def ledger(exports: Exports) -> pd.DataFrame:
    """Every act of a member, once where the rule says once, at its price, in the scene where it belongs."""
    awarded = acts(exports)
    awarded = awarded[awarded["user_id"].isin(exports.ever_members)].sort_values(["occurred_at", "source_id"])
    awarded = awarded.drop_duplicates(["rule_id", "user_id", "once"]).reset_index(drop=True)
    awarded["points"] = awarded["rule_id"].map(POINTS)
    awarded["scene_id"] = [
        act.scene_id or exports.home_on(act.user_id, act.occurred_at.date()) for act in awarded.itertuples()
    ]
    return awarded.drop(columns="once")


def activity_score(exports: Exports) -> pd.DataFrame:
    """Every scope's points, members and contributors on every day since the first award."""
    awards = ledger(exports)
    days = pd.date_range(awards["occurred_at"].min().normalize(), exports.last_night)
    living = [Counter(_living(exports, day)) for day in days]
    rows = []
    for tier, place, scenes in _scopes(exports):
        here = awards[awards["scene_id"].isin(scenes)]
        earned, points = here["occurred_at"].dt.normalize().to_numpy(), here["points"].to_numpy()
        people = here["user_id"].to_numpy()
        for day, homes in zip(days, living, strict=True):
            age = (day.to_numpy() - earned) // np.timedelta64(1, "D")
            rows.append({
                "as_of_date": day.date(),
                "tier": tier,
                **place,
                "points_on_day": points[age == 0].sum(),
                "points_7d": points[(age >= 0) & (age < 7)].sum(),
                "points_30d": points[(age >= 0) & (age < 30)].sum(),
                "points_90d": points[(age >= 0) & (age < 90)].sum(),
                "points_all_time": points[age >= 0].sum(),
                "members": sum(homes[scene] for scene in scenes),
                "contributors_30d": len(set(people[(age >= 0) & (age < 30)])),
            })  # fmt: skip
    return pd.DataFrame(rows)


def _living(exports: Exports, day: pd.Timestamp) -> list[str | None]:
    """Each member's home scene that night; before the first snapshot, of those in it who had an account."""
    nights = exports.nights("users")
    then = [night for night in nights if night <= day.date()]
    if then:
        return list(exports.homes[then[-1]].values())
    made = exports.snapshot("users", nights[0]).set_index("id")["createdAt"].dt.normalize()
    return [scene for user, scene in exports.homes[nights[0]].items() if made[user] <= day]


def _scopes(exports: Exports) -> list[tuple[str, dict[str, str | None], list[str | None]]]:
    """Tier, place and scenes of every scope; what has no place of that tier is in its unscoped one."""
    parts = {"city": [], "state": ["state", "musicCommunity"], "national": ["musicCommunity"]}
    found = []
    for tier, needed in parts.items():
        placed = exports.scenes.dropna(subset=needed)
        groups = placed.groupby(needed if needed else placed.index)
        for scenes in groups.groups.values():
            scene = placed.loc[scenes[0]]
            found.append((tier, {
                "state": scene["state"] if tier != "national" else None,
                "city": scene["city"] if tier == "city" else None,
                "music_community": scene["musicCommunity"],
                "scene_id": scene.name if tier == "city" else None,
            }, list(scenes)))  # fmt: skip
        nowhere = dict.fromkeys(("state", "city", "music_community", "scene_id"))
        found.append((tier, nowhere, [None, *exports.scenes.index.difference(placed.index)]))
    return found


def milliseconds(times: "pd.Series | pd.Timestamp") -> np.ndarray:
    """Instants as whole milliseconds."""
    return np.asarray(times, "datetime64[ms]").astype(np.int64)


def _json(value: object) -> list[str]:
    return json.loads(value) if isinstance(value, str) else list(value)


@cache
def _delivered(night: Path) -> pd.DataFrame:
    return pd.concat([_typed(_read(part)) for part in sorted(night.glob("part-*"))], ignore_index=True)


def _read(part: Path) -> pd.DataFrame:
    """One part as it lies there; null where there is nothing."""
    if part.name.endswith((".csv", ".csv.gz")):
        return pd.read_csv(part, dtype=object, keep_default_na=False, na_values=[""])
    if part.name.endswith(".parquet"):
        with duckdb.connect() as connection:
            return connection.read_parquet(str(part)).df()
    with (gzip.open if part.name.endswith(".gz") else open)(part, "rt", encoding="utf-8") as lines:
        return pd.DataFrame([json.loads(line) for line in lines], dtype=object)


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    """Times, numbers and booleans as such; everything else as text, or None."""
    typed = {}
    for column, values in rows.items():
        if column.endswith(("At", "Date")):
            typed[column] = pd.to_datetime(values, format="ISO8601")
        elif column in NUMBERS:
            typed[column] = pd.to_numeric(values)
        elif column == "gpsVerified":
            typed[column] = values.isin(TRUE)
        else:
            typed[column] = values.astype(object).where(values.notna(), None)
    return pd.DataFrame(typed, index=rows.index)
