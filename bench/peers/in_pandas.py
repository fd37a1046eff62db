"""The numbers in pandas."""

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pandas as pd

from bench.peers.acts import ACTS, COLUMNS
from orchestration.lists import LISTS

DAY = pd.Timedelta(days=1)
NEVER_CAPPED = 2**31
RESPONSE_WINDOW = pd.Timedelta(hours=168)
PLACE = ["state", "city", "musicCommunity"]
HOME_TEXT = {"homeSceneState": "state", "homeSceneCity": "city", "homeSceneCommunity": "musicCommunity"}


def numbers(exports: Path, night: dt.date, rules: Path) -> dict[str, pd.DataFrame]:
    """The ledger, the scores and the metrics of exports that hold one night, as CSV.

    Args:
        exports: where the folders of the tables lie.
        night: the night.
        rules: the point rules, as CSV.
    """
    return _Night(exports, night, rules).numbers()


class _Night:
    def __init__(self, exports: Path, night: dt.date, rules: Path) -> None:
        self._exports, self._night = exports, night
        self._as_of = pd.Timestamp(night) + DAY
        self._rules = pd.read_csv(rules).set_index("rule_id")
        communities = self._read("communities", "id tier", texts="state city musicCommunity")
        self._scenes = communities[communities["tier"] == "city"].sort_values("id")
        self._scopes = self._scopes_of_scenes()
        self._users = self._with_homes()

    def numbers(self) -> dict[str, pd.DataFrame]:
        ledger = self._ledger()
        return {"ledger": ledger, "score": self._score(ledger), "metrics": self._metrics()}

    def _read(
        self, table: str, ids: str, *, times: str = "", texts: str = "", other: str = ""
    ) -> pd.DataFrame:
        names = [*ids.split(), *times.split(), *texts.split(), *other.split()]
        kinds = dict.fromkeys([*ids.split(), *times.split(), *texts.split()], "str")
        parts = sorted((self._exports / table / self._night.isoformat()).glob("part-*.csv"))
        rows = pd.concat([pd.read_csv(part, usecols=names, dtype=kinds) for part in parts], ignore_index=True)
        return rows.assign(**{name: pd.to_datetime(rows[name], format="ISO8601") for name in times.split()})

    def _scopes_of_scenes(self) -> pd.DataFrame:
        """A row for each scene and tier, and for no scene. What has no place of the tier is unscoped."""
        scenes = self._scenes.rename(columns={"id": "scene_id"})
        nowhere = pd.DataFrame({"scene_id": [None]})
        every = pd.concat([scenes, nowhere], ignore_index=True)
        in_state = every["state"] + "|" + every["musicCommunity"]
        keys = {
            "city": every["scene_id"], "state": in_state, "national": every["musicCommunity"],
            "platform": None,
        }  # fmt: skip
        tiers = [every[["scene_id"]].assign(tier=tier, scope=key) for tier, key in keys.items()]
        scopes = pd.concat(tiers, ignore_index=True)
        return scopes.assign(scope=scopes["scope"].fillna("").astype("str"))

    def _scoped(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows.merge(self._scopes, on="scene_id")

    def _with_homes(self) -> pd.DataFrame:
        users = self._read(
            "users", "id homeSceneId", times="createdAt", texts=" ".join(HOME_TEXT), other="gpsVerified"
        )
        named = self._scenes.dropna(subset=PLACE, how="all").drop_duplicates(PLACE)
        by_text = users[list(HOME_TEXT)].rename(columns=HOME_TEXT).merge(named, "left", on=PLACE)["id"]
        by_id = users["homeSceneId"].where(users["homeSceneId"].isin(self._scenes["id"]))
        return pd.DataFrame({
            "user_id": users["id"], "scene_id": by_id.fillna(by_text), "created_at": users["createdAt"],
            "is_verified": users["gpsVerified"].isin(["t", "true", True]),
        })  # fmt: skip

    def _ledger(self) -> pd.DataFrame:
        acts = self._acts()
        acts = acts[acts["occurred_at"] < self._as_of]
        acts = acts[acts["user_id"].isin(self._users["user_id"])]
        acts = acts[acts["owner_id"].isna() | (acts["owner_id"] != acts["user_id"])]
        acts = acts[~self._is_of_own_band(acts)]
        acts["occurred_on"] = acts["occurred_at"].dt.normalize()
        acts = acts.sort_values(["occurred_at", "source_id"], ignore_index=True)
        again = acts.duplicated(["rule_id", "user_id", "once_id"]) & acts["once_id"].notna()
        acts = acts[~again]
        rule = self._rules.loc[acts["rule_id"]].reset_index(drop=True).set_index(acts.index)
        most = rule["max_points_per_award"].fillna(NEVER_CAPPED)
        price = acts["points"].fillna(rule["points"]).clip(-most, most).astype(int)
        source = acts["credited_id"].fillna(acts["source_id"])
        of_source = _within(price, rule["cap_per_source"], [acts["rule_id"], source])
        of_day = [acts["rule_id"], acts["user_id"], acts["occurred_on"]]
        points = _within(of_source, rule["daily_cap_points"], of_day)
        awards = acts.assign(points=points)[(points != 0) | (price == 0)]
        named = awards["named_scene_id"].where(awards["named_scene_id"].isin(self._scenes["id"]))
        home = awards["user_id"].map(self._users.set_index("user_id")["scene_id"])
        awards["scene_id"] = home.where(awards["named_scene_id"].isna(), named)
        reversed_at = awards["reversed_at"].where(
            awards["reversed_at"] >= awards["occurred_at"], awards["occurred_at"]
        )
        taken_back = awards[awards["reversed_at"].notna() & (reversed_at < self._as_of)]
        reversals = taken_back.assign(points=-taken_back["points"], occurred_at=reversed_at, is_reversal=True)
        rows = pd.concat([awards.assign(is_reversal=False), reversals], ignore_index=True)
        return rows[["rule_id", "user_id", "scene_id", "occurred_at", "points", "is_reversal"]]

    def _acts(self) -> pd.DataFrame:
        signals = self._read("signals", "id type createdById", texts="metadata").set_index("id")
        bands = signals["metadata"].dropna().map(lambda text: (json.loads(text) or {}).get("artistBandId"))
        actions = self._read("signal_actions", "id type userId signalId", times="createdAt")
        actions = actions.join(signals["createdById"], on="signalId").join(
            bands.rename("band"), on="signalId"
        )
        heard = actions[actions["signalId"].map(signals["type"]) != "flyer"]
        events = self._read("events", "id createdById artistBandId").set_index("id")
        attendances = self._read("event_attendances", "id userId eventId", times="checkedInAt")
        attendances = attendances.join(events, on="eventId")
        projects = self._read("projects", "id createdById", times="createdAt")
        makers = projects.set_index("id")["createdById"].rename("maker")
        supports = self._read("project_supports", "id projectId userId", times="createdAt")
        supports = supports.join(makers, on="projectId")
        audits = self._read(
            "community_activation_audits", "id sceneId", times="createdAt", texts="cutoverListenerIds"
        )
        audits["listener"] = audits["cutoverListenerIds"].map(lambda text: sorted({*json.loads(text)}))
        audits = audits.explode("listener").dropna(subset=["listener"])
        referrals = self._read(
            "pioneer_referrals", "id pioneerId recruitedUserId communityId", times="createdAt"
        )
        adjusted = self._read("activity_point_adjustments", "id userId", times="createdAt", other="points")
        sources = {
            "blasts": heard[heard["type"] == "BLAST"], "responses": _responses(heard),
            "supports": actions[actions["type"] == "SUPPORT"], "attendances": attendances,
            "project_supports": supports, "projects": projects, "proofs": self._proofs(events, makers),
            "listeners": audits, "referrals": referrals, "adjustments": adjusted,
        }  # fmt: skip
        acts = pd.concat(
            [_acts(rule, sources[source], columns) for rule, source, columns in ACTS], ignore_index=True
        )
        return acts.assign(
            points=pd.to_numeric(acts["points"]), reversed_at=pd.to_datetime(acts["reversed_at"])
        )

    def _proofs(self, events: pd.DataFrame, makers: pd.Series) -> pd.DataFrame:
        """Proofs verified at some time. One that is about an event has its maker and its band for owners."""
        proofs = self._read(
            "proof_of_support", "id userId kind eventId artistBandId projectId status",
            times="createdAt verifiedAt revokedAt",
        )  # fmt: skip
        is_revoked = (proofs["status"] == "revoked") & proofs["verifiedAt"].notna()
        proofs = proofs[(proofs["status"] == "verified") | is_revoked].join(
            events, on="eventId", rsuffix="_event"
        )
        end_of_night = self._as_of - pd.Timedelta(milliseconds=1)
        subject = proofs["eventId"].fillna(proofs["projectId"]).fillna(proofs["artistBandId"])
        return proofs.assign(
            verified=proofs["verifiedAt"].fillna(proofs["createdAt"]),
            what=proofs["kind"] + " " + subject,
            owner=proofs["projectId"].map(makers).fillna(proofs["createdById"]),
            band=proofs["artistBandId"].fillna(proofs["artistBandId_event"]),
            revoked=proofs["revokedAt"].fillna(end_of_night).where(proofs["status"] == "revoked"),
        )

    def _is_of_own_band(self, acts: pd.DataFrame) -> pd.Series:
        mates = self._read("artist_band_members", "artistBandId userId", times="createdAt")
        since = mates["createdAt"].dt.normalize().groupby([mates["artistBandId"], mates["userId"]]).min()
        mate_since = acts.join(since.rename("since"), on=["band_id", "user_id"])["since"]
        return mate_since <= acts["occurred_at"]

    def _score(self, ledger: pd.DataFrame) -> pd.DataFrame:
        days = pd.date_range(ledger["occurred_at"].min().normalize(), pd.Timestamp(self._night))
        scopes = pd.MultiIndex.from_frame(self._scopes[["tier", "scope"]].drop_duplicates())
        ledger = ledger.assign(day=ledger["occurred_at"].dt.normalize())
        per_scene = ledger.groupby(["scene_id", "day"], dropna=False)["points"].sum().reset_index()

        def by_day(scoped: pd.DataFrame, what: str) -> pd.DataFrame:
            table = scoped.pivot_table(what, ["tier", "scope"], "day", "sum")
            return table.reindex(index=scopes, columns=days).fillna(0)

        points = by_day(self._scoped(per_scene), "points")
        users = self._users.assign(day=self._users["created_at"].dt.normalize().clip(days[0]), members=1)
        members = by_day(self._scoped(users), "members").cumsum(axis=1)
        contributors = by_day(self._contributions(ledger), "change").cumsum(axis=1)
        so_far = points.cumsum(axis=1)
        windows = {f"points_{n}d": so_far - so_far.shift(n, axis=1).fillna(0) for n in LISTS["windows"]}
        tables = {
            "points_on_day": points, **windows, "points_all_time": so_far, "members": members,
            "contributors_30d": contributors,
        }  # fmt: skip
        stacked = {name: table.astype(int).stack() for name, table in tables.items()}
        return pd.DataFrame(stacked).rename_axis(["tier", "scope", "as_of_date"]).reset_index()

    def _contributions(self, ledger: pd.DataFrame) -> pd.DataFrame:
        """Where in each scope the time begins, and where it ends, in which a member contributed."""
        earned = ledger[ledger["points"] > 0][["scene_id", "user_id", "day"]].drop_duplicates()
        earned = self._scoped(earned)[["tier", "scope", "user_id", "day"]]
        earned = earned.drop_duplicates().sort_values(["tier", "scope", "user_id", "day"])
        of_one = earned.groupby(["tier", "scope", "user_id"])["day"]
        until = earned["day"] + 30 * DAY
        begins = earned[~(of_one.shift() + 30 * DAY >= earned["day"])].assign(change=1)
        ends = earned.assign(day=until)[~(of_one.shift(-1) <= until)].assign(change=-1)
        return pd.concat([begins, ends], ignore_index=True)

    def _metrics(self) -> pd.DataFrame:
        users = self._users
        engagements = self._read("track_engagements", "userId type", times="createdAt", other="score")
        engagements["scene_id"] = engagements["userId"].map(users.set_index("user_id")["scene_id"])
        votes = self._read("track_votes", "sceneId", times="createdAt")
        events = self._read("events", "communityId", times="createdAt")
        found = [
            self._in_scopes("members", _count(users)),
            self._in_scopes("gps_verified_members", _count(users[users["is_verified"]])),
        ]
        for window in (*LISTS["windows"], None):
            since = pd.Timestamp.min if window is None else self._as_of - window * DAY
            new = users[(users["created_at"] >= since) & (users["created_at"] < self._as_of)]
            heard = engagements[engagements["createdAt"] >= since]
            created = events[(events["createdAt"] >= since) & (events["createdAt"] < self._as_of)]
            listeners = self._scoped(heard[["scene_id", "userId"]].drop_duplicates())
            unique = listeners.groupby(["tier", "scope"])["userId"].nunique()
            counts = {
                "new_users": _count(new),
                "listens": _count(heard),
                "skips": _count(heard[heard["type"] == "skip"]),
                "full_listens": _count(heard[heard["type"] == "full"]),
                "engagement_points": heard.groupby("scene_id", dropna=False)["score"].sum(),
                "votes": _count(votes[votes["createdAt"] >= since], "sceneId"),
                "events_created": _count(created, "communityId"),
            }
            found += [self._in_scopes(metric, each, window) for metric, each in counts.items()]
            found.append(_named("unique_listeners", unique, window))
        return pd.concat(found, ignore_index=True)

    def _in_scopes(self, metric: str, by_scene: pd.Series, window: int | None = None) -> pd.DataFrame:
        values = by_scene.rename_axis("scene_id").rename("value").reset_index()
        # A community that is no scene lies in none.
        values["scene_id"] = values["scene_id"].where(values["scene_id"].isin(self._scenes["id"]))
        summed = self._scoped(values).groupby(["tier", "scope"])["value"].sum()
        return _named(metric, summed, window)


def _count(rows: pd.DataFrame, scene: str = "scene_id") -> pd.Series:
    return rows.groupby(scene, dropna=False).size()


def _named(metric: str, values: pd.Series, window: int | None) -> pd.DataFrame:
    return values.rename("value").reset_index().assign(metric=metric, window_days=window)


def _within(points: pd.Series, cap: pd.Series, keys: list[pd.Series]) -> pd.Series:
    """What of each claim fits, in their order. What takes points away takes no room and is never cut."""
    claimed = points.clip(lower=0)
    before = claimed.groupby(keys).cumsum() - claimed
    room = (cap.fillna(NEVER_CAPPED) - before).clip(lower=0)
    return points.where(points < 0, np.minimum(claimed, room)).astype(int)


def _responses(heard: pd.DataFrame) -> pd.DataFrame:
    """Every ADD that follows another's BLAST of the signal in time, with the latest such BLAST."""
    blasts = heard[heard["type"] == "BLAST"][["signalId", "createdAt", "userId", "id"]]
    blasts = blasts.rename(columns={"createdAt": "blasted_at", "userId": "blaster", "id": "blast"})
    pairs = heard[heard["type"] == "ADD"].merge(blasts, on="signalId")
    waited = pairs["createdAt"] - pairs["blasted_at"]
    pairs = pairs[
        (waited > pd.Timedelta(0)) & (waited <= RESPONSE_WINDOW) & (pairs["userId"] != pairs["blaster"])
    ]
    return pairs.sort_values(["blasted_at", "blast"]).drop_duplicates("id", keep="last")


def _acts(rule: str, rows: pd.DataFrame, columns: dict[str, str]) -> pd.DataFrame:
    found = {name: rows[columns[name]] if name in columns else None for name in COLUMNS}
    return pd.DataFrame({"rule_id": rule, **found})
