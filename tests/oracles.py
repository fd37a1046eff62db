"""Second answers, in pandas: what the exports contract says, worked out from the delivered files alone.

Nothing here reads the warehouse or its SQL. Where the contract gives a formula, the formula is followed word
by word, one row at a time; the warehouse has to come to the same numbers in its own way.
"""

import datetime as dt
import gzip
import json
from collections import Counter
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from golden.world import erased

DAY_MS = 24 * 60 * 60 * 1000
JOB_TIME_MS = 60 * 1000
DEFAULT_WINDOW_DAYS = 14
POINTS = {
    "blast": 5,
    "blast_response": 2,
    "support": 10,
    "attendance": 15,
    "project_support": 25,
    "project_founding": 50,
    "proof_of_support": 100,
    "pioneer_formation": 250,
    "pioneer_recruiting": 100,
    "pioneer_joining": 50,
}
DAILY_CAP = {"blast": 50, "support": 50, "blast_response": 60}
SOURCE_CAP = {"blast_response": 20}
RESPONSE_WINDOW = pd.Timedelta(hours=7 * 24)
MOST_ADJUSTED = 1000
# What the scenes of a scope share with the community asked about, and a verified user's home text with it.
SCOPE_PARTS = {"city": ["id"], "state": ["state", "musicCommunity"], "national": ["musicCommunity"]}
HOME_TEXT = {"city": "homeSceneCity", "state": "homeSceneState", "musicCommunity": "homeSceneCommunity"}
TEXT_PARTS = SCOPE_PARTS | {"city": list(HOME_TEXT)}
NUMBERS = ("score", "memberCount", "recurrenceScore", "recurrenceRollingWindowDays", "points")
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

    def last_seen(self, table: str) -> pd.DataFrame:
        """Every row any snapshot held, as it was last seen."""
        seen = pd.concat([self.snapshot(table, night) for night in self.nights(table)], ignore_index=True)
        return seen.drop_duplicates("id", keep="last", ignore_index=True)

    def since(self, days: int) -> pd.Timestamp:
        """The first instant of the window of so many days before as-of."""
        return self.as_of - pd.Timedelta(hours=24 * days)

    def _night(self, table: str, night: dt.date) -> pd.DataFrame:
        return _delivered(self.directory / table / night.isoformat())

    @cached_property
    def scenes(self) -> pd.DataFrame:
        """Communities of tier city as they were last seen, by id."""
        last = self.last_seen("communities")
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

    def band_mates(self, day: dt.date) -> set[tuple[str, str]]:
        """Band and member of that night: of its snapshot, or made by then and seen only later."""
        nights = self.nights("artist_band_members")
        now = [night for night in nights if night <= day][-1:]
        mates, seen = set(), set()
        for night in nights:
            rows = self.snapshot("artist_band_members", night)
            made_by_then = ~rows["id"].isin(seen) & (rows["createdAt"].dt.date <= day)
            there = rows if [night] == now else rows[made_by_then] if night > day else rows[:0]
            mates |= set(zip(there["artistBandId"], there["userId"], strict=True))
            seen |= set(rows["id"])
        return mates

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
                "contributors_30d": last_30d["user_id"][last_30d["points"] > 0].nunique(),
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
            reason = "window_not_known" if verdict == "not_judged" else None
            if entry["sceneId"] not in scenes:
                verdict, reason = "not_judged", "scene_not_city"
            rows.append({
                "as_of_date": night,
                "scene_id": entry["sceneId"],
                "track_id": entry["trackId"],
                "recurrence_score": float(entry["recurrenceScore"]),
                "replayed_recurrence_score": float(replayed),
                "verdict": verdict,
                "not_judged_because": reason,
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
    """Every act by rule: who, when, which row, who and which bands are involved, what it pays only once."""
    signals = exports.last_seen("signals").set_index("id")
    bands = {signal: _band_named(text) for signal, text in signals["metadata"].items()}
    actions = exports.events("signal_actions")
    actions["people"] = actions["signalId"].map(signals["createdById"]).map(_named)
    actions["bands"] = actions["signalId"].map(bands).map(_named)
    heard = actions[actions["signalId"].map(signals["type"]) != "flyer"]
    happenings = exports.last_seen("events").set_index("id")
    attendances = exports.events("event_attendances")
    attendances["people"] = attendances["eventId"].map(happenings["createdById"]).map(_named)
    attendances["bands"] = attendances["eventId"].map(happenings["artistBandId"]).map(_named)
    projects, supports = exports.last_seen("projects"), exports.events("project_supports")
    supports["people"] = supports["projectId"].map(projects.set_index("id")["createdById"]).map(_named)
    audits = exports.events("community_activation_audits")
    audits["listener"] = [set(_json(ids)) for ids in audits["cutoverListenerIds"]]
    audits = audits.explode("listener").dropna(subset="listener")
    referrals = exports.events("pioneer_referrals")
    oneself = referrals["pioneerId"] == referrals["recruitedUserId"]
    referrals["people"] = referrals["pioneerId"].where(oneself, None).map(_named)
    adjustments = exports.events("activity_point_adjustments")
    involved = {"people": "people", "bands": "bands"}
    found = [
        _acts("blast", heard[heard["type"] == "BLAST"], "userId", **involved),
        _acts("blast_response", _responses(heard), "blaster", credited="blast", **involved),
        _acts("support", actions[actions["type"] == "SUPPORT"], "userId", **involved),
        _acts("attendance", attendances, "userId", "checkedInAt", once="eventId", **involved),
        _acts("project_support", supports, "userId", people="people"),
        _acts("project_founding", projects, "createdById"),
        _acts(
            "proof_of_support", _proofs(exports, happenings, projects), "userId", "verified",
            once="what", taken_back="taken_back", is_verified="is_verified", **involved,
        ),
        _acts("pioneer_formation", audits, "listener", scene="sceneId", once="sceneId"),
        _acts("pioneer_recruiting", referrals, "pioneerId", scene="communityId", people="people"),
        _acts("pioneer_joining", referrals, "recruitedUserId", scene="communityId", people="people"),
        _acts("adjustment", adjustments, "userId", price="points"),
    ]  # fmt: skip
    everything = pd.concat(found, ignore_index=True)
    return everything[everything["occurred_at"] < exports.as_of]


ACT = ("scene", "once", "people", "bands", "credited", "price", "taken_back", "is_verified")


def _acts(rule: str, rows: pd.DataFrame, user: str, at: str = "createdAt", **named: str) -> pd.DataFrame:
    found = pd.DataFrame({
        "rule_id": rule, "user_id": rows[user], "occurred_at": rows[at], "source_id": rows["id"]
    })  # fmt: skip
    for what in ACT:
        values = rows[named[what]].tolist() if what in named else [None] * len(rows)
        found[what] = pd.Series(values, index=rows.index, dtype=object)
    found["once"] = found["once"].where(found["once"].notna(), found["source_id"])
    return found


def _named(*names: object) -> set[object]:
    """Those of them that are named at all."""
    return {name for name in names if not pd.isna(name)}


def _responses(heard: pd.DataFrame) -> pd.DataFrame:
    """Every ADD that follows another's BLAST of the signal in time, with the latest such BLAST."""
    blasts = dict(iter(heard[heard["type"] == "BLAST"].groupby("signalId")))
    found = []
    for add in heard[heard["type"] == "ADD"].to_dict("records"):
        if add["signalId"] not in blasts:
            continue
        others = blasts[add["signalId"]]
        before = add["createdAt"] - others["createdAt"]
        others = others[(others["userId"] != add["userId"]) & (before > pd.Timedelta(0))]
        others = others[add["createdAt"] - others["createdAt"] <= RESPONSE_WINDOW]
        if len(others):
            others = others[others["createdAt"] == others["createdAt"].max()]
            latest = _in_order(others, "createdAt", "id").iloc[0]
            found.append(add | {"blaster": latest["userId"], "blast": latest["id"]})
    return pd.DataFrame(found, columns=[*heard.columns, "blaster", "blast"])


def _in_order(rows: pd.DataFrame, at: str, key: str) -> pd.DataFrame:
    """Rows as they happened; of those at one instant the lowest pseudonym comes first."""
    return rows.assign(tie=rows[key].map(erased)).sort_values([at, "tie"]).drop(columns="tie")


def _proofs(exports: Exports, happenings: pd.DataFrame, projects: pd.DataFrame) -> pd.DataFrame:
    """Every proof: when it was first verified, if ever, and when that was taken back."""
    made = projects.set_index("id")["createdById"]
    nights = exports.nights("proof_of_support")
    histories: dict[str, list[tuple[dt.date, dict[str, object] | None]]] = {}
    for night in nights:
        rows = {row["id"]: row for row in exports.snapshot("proof_of_support", night).to_dict("records")}
        for proof in histories.keys() | rows.keys():
            histories.setdefault(proof, []).append((night, rows.get(proof)))
    found = []
    for history in histories.values():
        last = [row for _, row in history if row][-1]
        sure = [(night, row) for night, row in history if row and _was_verified(row)]
        times = [row["createdAt"] if pd.isna(row["verifiedAt"]) else row["verifiedAt"] for _, row in sure]
        found.append(last | {
            "is_verified": bool(sure),
            "verified": min(times) if sure else last["createdAt"],
            "what": f"{last['kind']} {last['eventId'] or last['projectId'] or last['artistBandId']}",
            "people": _named(made.get(last["projectId"]), happenings["createdById"].get(last["eventId"])),
            "bands": _named(last["artistBandId"], happenings["artistBandId"].get(last["eventId"])),
            "taken_back": _taken_back(exports, history, sure[0][0]) if sure else None,
        })  # fmt: skip
    return pd.DataFrame(found)


def _was_verified(proof: dict[str, object]) -> bool:
    """Whether a snapshot says that the proof is or once was verified."""
    return proof["status"] == "verified" or (
        proof["status"] == "revoked" and not pd.isna(proof["verifiedAt"])
    )


def _taken_back(
    exports: Exports, history: list[tuple[dt.date, dict[str, object] | None]], verified_on: dt.date
) -> pd.Timestamp | None:
    """When a proof was revoked, or the last instant of the first night that saw it revoked or gone.

    A proof that goes with its member is not taken back.
    """
    after = [(night, row) for night, row in history if night >= verified_on]
    revoked = [(night, row) for night, row in after if row and row["status"] != "verified"]
    if revoked:
        times = [row["revokedAt"] for _, row in revoked if not pd.isna(row["revokedAt"])]
        return min(times) if times else _last_instant(revoked[0][0])
    gone = [night for night, row in after if row is None]
    if not gone or after[-1][1] is not None:
        return None
    left_on = max(night for night, row in after if row is not None)
    vanished = min(night for night in gone if night > left_on)
    person = next(row["userId"] for _, row in after if row is not None)
    known = [night for night in exports.nights("users") if night <= vanished]
    return _last_instant(vanished) if person in exports.homes[known[-1]] else None


def _last_instant(night: dt.date) -> pd.Timestamp:
    return pd.Timestamp(night) + pd.Timedelta(hours=24) - pd.Timedelta(milliseconds=1)


def _band_named(metadata: object) -> str | None:
    named = json.loads(metadata) if isinstance(metadata, str) else metadata
    return named.get("artistBandId") if isinstance(named, dict) else None


@dataclass
class Caps:
    """What sources have claimed and members' days have paid so far; claims are asked in the order of acts."""

    claimed: Counter[object] = field(default_factory=Counter)
    paid: Counter[object] = field(default_factory=Counter)

    def leave(
        self, source: object, day: object, price: int, per_source: int | None, per_day: int | None
    ) -> tuple[int, int]:
        """Of a claim: what can pay, as its source brings it; and what is paid, as the day has room for it.

        Of all that a source ever claims, point after point, those can pay whose number is not above the cap
        in force. A claim counts whether it is paid or not. What takes points away claims none and is not cut.
        """
        if price < 0:
            return price, price
        numbers = range(self.claimed[source] + 1, self.claimed[source] + price + 1)
        self.claimed[source] += price
        can_pay = sum(1 for number in numbers if per_source is None or number <= per_source)
        pays = sum(1 for n in range(1, can_pay + 1) if per_day is None or self.paid[day] + n <= per_day)
        self.paid[day] += pays
        return can_pay, pays


@cache
def decisions(exports: Exports) -> pd.DataFrame:
    """Every act and what was decided about it, one after the other in the order they happened.

    Worked out once for all tests, who leave it as it is.
    """
    mates = {day: exports.band_mates(day) for day in set(acts(exports)["occurred_at"].dt.date)}
    seen: set[tuple[str, str, str]] = set()
    caps = Caps()
    rows = []
    for act in _in_order(acts(exports), "occurred_at", "source_id").to_dict("records"):
        rule, user, day = act["rule_id"], act["user_id"], act["occurred_at"].date()
        once, source = (rule, user, act["once"]), (rule, act["credited"] or act["source_id"])
        price = POINTS[rule] if rule in POINTS else int(np.clip(act["price"], -MOST_ADJUSTED, MOST_ADJUSTED))
        points, left, capped_by = 0, price, None
        if act["is_verified"] is False:
            decision = "not_verified"
        elif user not in exports.ever_members:
            decision = "unknown_member"
        elif user in (act["people"] or ()) or any((band, user) in mates[day] for band in act["bands"] or ()):
            decision = "self_award"
        elif once in seen:
            decision = "duplicate_act"
        else:
            seen.add(once)
            of_day = (rule, user, day)
            left, points = caps.leave(source, of_day, price, SOURCE_CAP.get(rule), DAILY_CAP.get(rule))
            capped_by = "daily" if points < left else "source" if left < price else None
            decision = (
                "source_capped"
                if price and not left
                else "daily_capped"
                if left and not points
                else "awarded"
            )
        rows.append({
            "rule_id": rule,
            "user_id": user,
            "occurred_at": act["occurred_at"],
            "source_id": act["source_id"],
            "credited_source_id": act["credited"],
            "scene_id": _counted_in(exports, act["scene"], user, day),
            "decision": decision,
            "price": price,
            "capped_by": capped_by,
            "points": points,
            "taken_back": act["taken_back"],
        })  # fmt: skip
    return pd.DataFrame(rows)


def _counted_in(exports: Exports, named: str | None, user: str, day: dt.date) -> str | None:
    """The scene that the row names, none if that is no scene; where it names none, the home that night."""
    if named is None:
        return exports.home_on(user, day)
    return named if named in exports.scenes.index else None


def ledger(exports: Exports) -> pd.DataFrame:
    """What was awarded, and what was taken back of it, in the scene where it belongs."""
    awarded = decisions(exports).query("decision == 'awarded'")
    taken_back = pd.to_datetime(awarded["taken_back"])
    reversed_awards = awarded[taken_back < exports.as_of]
    reversals = reversed_awards.assign(
        points=-reversed_awards["points"], occurred_at=taken_back[reversed_awards.index]
    )
    rows = pd.concat([awarded, reversals], ignore_index=True)
    return rows.drop(columns=["decision", "price", "capped_by", "taken_back"])


def activity_score(exports: Exports) -> pd.DataFrame:
    """Every scope's points, members and contributors on every day since the first award."""
    awards = ledger(exports)
    days = pd.date_range(awards["occurred_at"].min().normalize(), exports.last_night)
    living = [Counter(_living(exports, day)) for day in days]
    rows = []
    for tier, place, scenes in _scopes(exports):
        here = awards[awards["scene_id"].isin(scenes)]
        earned, points = here["occurred_at"].dt.normalize().to_numpy(), here["points"].to_numpy()
        people = here["user_id"].where(points > 0).to_numpy()
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
                "contributors_30d": pd.Series(people[(age >= 0) & (age < 30)]).nunique(),
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
    """Tier, place and scenes of every scope; what has no place of that tier is in its unscoped one.

    The platform is one scope of everything.
    """
    found = []
    for tier, parts in SCOPE_PARTS.items():
        needed = parts if tier != "city" else []
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
    found.append(("platform", nowhere, [None, *exports.scenes.index]))
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
