"""The numbers in polars."""

import datetime as dt
from pathlib import Path

import polars as pl
from polars import col

from bench.peers.acts import ACTS, COLUMNS
from orchestration.lists import LISTS

NEVER_CAPPED = 2**31
RESPONSE_WINDOW = dt.timedelta(hours=168)
PLACE = ["state", "city", "musicCommunity"]
HOME_TEXT = ["homeSceneState", "homeSceneCity", "homeSceneCommunity"]
KEY = ["tier", "scope"]


def numbers(exports: Path, night: dt.date, rules: Path) -> dict[str, pl.DataFrame]:
    """The ledger, the scores and the metrics of exports that hold one night, as CSV.

    Args:
        exports: where the folders of the tables lie.
        night: the night.
        rules: the point rules, as CSV.
    """
    made = _Night(exports, night, rules).numbers()
    return dict(zip(made, pl.collect_all(list(made.values())), strict=True))


class _Night:
    def __init__(self, exports: Path, night: dt.date, rules: Path) -> None:
        self._exports, self._night = exports, night
        self._as_of = dt.datetime.combine(night, dt.time()) + dt.timedelta(days=1)
        self._rules = pl.scan_csv(rules)
        communities = self._read("communities").filter(col("tier") == "city")
        self._scenes = communities.select("id", *PLACE).sort("id").collect().lazy()
        self._scopes = self._scopes_of_scenes().collect().lazy()
        self._users = self._with_homes().collect().lazy()

    def numbers(self) -> dict[str, pl.LazyFrame]:
        ledger = self._ledger().collect().lazy()
        return {"ledger": ledger, "score": self._score(ledger), "metrics": self._metrics()}

    def _read(self, table: str) -> pl.LazyFrame:
        """Times as such; everything else as text."""
        parts = self._exports / table / self._night.isoformat() / "part-*.csv"
        rows = pl.scan_csv(parts, infer_schema=False)
        times = [name for name in rows.collect_schema().names() if name.endswith("At")]
        return rows.with_columns(col(times).str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="ms"))

    def _scopes_of_scenes(self) -> pl.LazyFrame:
        """A row for each scene and tier, and for no scene. What has no place of the tier is unscoped."""
        columns = ["id", *PLACE]
        nowhere = pl.LazyFrame([dict.fromkeys(columns)], schema=dict.fromkeys(columns, pl.String))
        every = pl.concat([self._scenes, nowhere]).rename({"id": "scene_id"})
        keys = {
            "city": col("scene_id"), "state": col("state") + "|" + col("musicCommunity"),
            "national": col("musicCommunity"), "platform": pl.lit(""),
        }  # fmt: skip
        return pl.concat([
            every.select("scene_id", pl.lit(tier).alias("tier"), key.fill_null("").alias("scope"))
            for tier, key in keys.items()
        ])  # fmt: skip

    def _scoped(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        return rows.join(self._scopes, on="scene_id", nulls_equal=True)

    def _with_homes(self) -> pl.LazyFrame:
        named = self._scenes.filter(pl.any_horizontal(col(PLACE).is_not_null())).unique(PLACE, keep="first")
        users = self._read("users").join(
            named.rename({"id": "by_text"}), left_on=HOME_TEXT, right_on=PLACE, how="left", nulls_equal=True
        )
        by_id = self._scenes.select(by_id="id", homeSceneId="id")
        return users.join(by_id, on="homeSceneId", how="left").select(
            user_id="id",
            scene_id=pl.coalesce("by_id", "by_text"),
            created_at="createdAt",
            is_verified=col("gpsVerified").is_in(["t", "true"]),
        )

    def _ledger(self) -> pl.LazyFrame:
        mates = (
            self._read("artist_band_members")
            .group_by("artistBandId", "userId")
            .agg(since=col("createdAt").min().dt.truncate("1d"))
        )
        acts = self._acts().filter(col("occurred_at") < self._as_of)
        acts = acts.join(self._users.select("user_id", home="scene_id"), on="user_id")
        acts = acts.join(
            mates, left_on=["band_id", "user_id"], right_on=["artistBandId", "userId"], how="left"
        )
        is_own = (col("owner_id") == col("user_id")) | (col("since") <= col("occurred_at"))
        acts = acts.filter(~is_own.fill_null(value=False)).join(
            self._rules.rename({"points": "rule_points"}), on="rule_id"
        )
        acts = acts.sort("occurred_at", "source_id").with_columns(
            once_id=pl.coalesce("once_id", "source_id"),
            source=pl.coalesce("credited_id", "source_id"),
            day=col("occurred_at").dt.date(),
            price=pl.coalesce("points", "rule_points").clip(
                -col("max_points_per_award").fill_null(NEVER_CAPPED),
                col("max_points_per_award").fill_null(NEVER_CAPPED),
            ),
        )
        acts = acts.filter(pl.int_range(pl.len()).over("rule_id", "user_id", "once_id") == 0)
        acts = acts.with_columns(of_source=_within("price", "cap_per_source", ["rule_id", "source"]))
        acts = acts.with_columns(
            points=_within("of_source", "daily_cap_points", ["rule_id", "user_id", "day"])
        )
        awards = acts.filter((col("points") != 0) | (col("price") == 0))
        awards = awards.join(
            self._scenes.select("id", named="id"), left_on="named_scene_id", right_on="id", how="left"
        )
        awards = awards.with_columns(
            scene_id=pl.when(col("named_scene_id").is_null()).then("home").otherwise("named"),
            reversed_at=pl.max_horizontal(
                "reversed_at", pl.when(col("reversed_at").is_not_null()).then("occurred_at")
            ),
        )
        taken_back = awards.filter(col("reversed_at") < self._as_of)
        reversals = taken_back.with_columns(points=-col("points"), occurred_at="reversed_at")
        columns = ["rule_id", "user_id", "scene_id", "occurred_at", "points"]
        return pl.concat([
            rows.select(*columns, is_reversal=pl.lit(value=is_one))
            for rows, is_one in ((awards, False), (reversals, True))
        ])  # fmt: skip

    def _acts(self) -> pl.LazyFrame:
        signals = self._read("signals").select(
            "id", "createdById", of_type="type", band=col("metadata").str.json_path_match("$.artistBandId")
        )
        actions = self._read("signal_actions").join(signals, left_on="signalId", right_on="id", how="left")
        heard = actions.filter(col("of_type").ne_missing("flyer"))
        events = self._read("events").select("id", "createdById", "artistBandId")
        attendances = self._read("event_attendances").join(
            events, left_on="eventId", right_on="id", how="left"
        )
        projects = self._read("projects")
        makers = projects.select("id", maker="createdById")
        supports = self._read("project_supports").join(makers, left_on="projectId", right_on="id", how="left")
        audits = self._read("community_activation_audits").with_columns(
            listener=col("cutoverListenerIds").str.json_decode(pl.List(pl.String)).list.unique()
        ).explode("listener").drop_nulls("listener")  # fmt: skip
        referrals = self._read("pioneer_referrals")
        adjusted = self._read("activity_point_adjustments").with_columns(points=col("points").cast(pl.Int64))
        sources = {
            "blasts": heard.filter(col("type") == "BLAST"), "responses": _responses(heard),
            "supports": actions.filter(col("type") == "SUPPORT"), "attendances": attendances,
            "project_supports": supports, "projects": projects, "proofs": self._proofs(events, makers),
            "listeners": audits, "referrals": referrals, "adjustments": adjusted,
        }  # fmt: skip
        return pl.concat([_acts(rule, sources[source], columns) for rule, source, columns in ACTS])

    def _proofs(self, events: pl.LazyFrame, makers: pl.LazyFrame) -> pl.LazyFrame:
        """Proofs verified at some time. One that is about an event has its maker and its band for owners."""
        is_revoked = (col("status") == "revoked") & col("verifiedAt").is_not_null()
        end_of_night = self._as_of - dt.timedelta(milliseconds=1)
        proofs = self._read("proof_of_support").filter((col("status") == "verified") | is_revoked)
        proofs = proofs.join(events, left_on="eventId", right_on="id", how="left", suffix="_event")
        return proofs.join(makers, left_on="projectId", right_on="id", how="left").with_columns(
            verified=pl.coalesce("verifiedAt", "createdAt"),
            what=col("kind") + " " + pl.coalesce("eventId", "projectId", "artistBandId"),
            owner=pl.coalesce("maker", "createdById"),
            band=pl.coalesce("artistBandId", "artistBandId_event"),
            revoked=pl.when(col("status") == "revoked").then(col("revokedAt").fill_null(end_of_night)),
        )

    def _score(self, ledger: pl.LazyFrame) -> pl.LazyFrame:
        ledger = ledger.with_columns(day=col("occurred_at").dt.date())
        first = ledger.select(col("day").min()).collect().item()
        days = pl.LazyFrame({"day": pl.date_range(first, self._night, eager=True)})
        points = self._scoped(ledger.group_by("scene_id", "day").agg(col("points").sum()))
        users = self._users.select("scene_id", day=col("created_at").dt.date().clip(lower_bound=first))
        members = self._scoped(users.group_by("scene_id", "day").agg(members=pl.len().cast(pl.Int64)))
        facts = {"points": points, "members": members, "change": self._contributions(ledger)}
        table = self._scopes.select(KEY).unique().join(days, how="cross")
        for name, rows in facts.items():
            by_day = rows.group_by(*KEY, "day").agg(col(name).sum())
            table = table.join(by_day, on=[*KEY, "day"], how="left")
        so_far = {name: col(name).fill_null(0).cum_sum().over(KEY, order_by="day") for name in facts}
        table = table.with_columns(
            points_on_day=col("points").fill_null(0), points_all_time=so_far["points"],
            members=so_far["members"], contributors_30d=so_far["change"],
        )  # fmt: skip
        all_time = col("points_all_time")
        return table.select(*KEY, "points_on_day", "points_all_time", "members", "contributors_30d", *(
            (all_time - all_time.shift(n, fill_value=0).over(KEY, order_by="day")).alias(f"points_{n}d")
            for n in LISTS["windows"]
        ), as_of_date="day")  # fmt: skip

    def _contributions(self, ledger: pl.LazyFrame) -> pl.LazyFrame:
        """Where in each scope the time begins, and where it ends, in which a member contributed."""
        earned = ledger.filter(col("points") > 0).select("scene_id", "user_id", "day").unique()
        earned = self._scoped(earned).select(*KEY, "user_id", "day").unique()
        of_one = {"partition_by": [*KEY, "user_id"], "order_by": "day"}
        until = col("day") + dt.timedelta(days=30)
        reaches = (until.shift().over(**of_one) >= col("day")).fill_null(value=False)
        is_reached = (col("day").shift(-1).over(**of_one) <= until).fill_null(value=False)
        begins = earned.filter(~reaches).with_columns(change=1)
        ends = earned.filter(~is_reached).with_columns(day=until, change=-1)
        return pl.concat([begins, ends])

    def _metrics(self) -> pl.LazyFrame:
        homes = self._users.select("scene_id", userId="user_id")
        engagements = (
            self._read("track_engagements")
            .join(homes, on="userId", how="left")
            .select("scene_id", "userId", "type", "createdAt", score=col("score").cast(pl.Int64))
        )
        votes = self._read("track_votes").select("createdAt", scene_id="sceneId")
        events = self._read("events").select("createdAt", scene_id="communityId")
        users = self._users.rename({"created_at": "createdAt"})
        found = [
            self._in_scopes(users, None, members=pl.len()),
            self._in_scopes(users.filter("is_verified"), None, gps_verified_members=pl.len()),
        ]
        for window in (*LISTS["windows"], None):
            since = dt.datetime.min if window is None else self._as_of - dt.timedelta(days=window)
            in_window = (col("createdAt") >= since) & (col("createdAt") < self._as_of)
            heard = engagements.filter(in_window)
            listeners = self._scoped(heard.select("scene_id", "userId").unique())
            found += [
                self._in_scopes(users.filter(in_window), window, new_users=pl.len()),
                self._in_scopes(
                    heard, window, listens=pl.len(), engagement_points=col("score").sum(),
                    skips=(col("type") == "skip").sum(), full_listens=(col("type") == "full").sum(),
                ),
                _long(listeners.group_by(KEY).agg(unique_listeners=col("userId").n_unique()), window),
                self._in_scopes(votes.filter(in_window), window, votes=pl.len()),
                self._in_scopes(events.filter(in_window), window, events_created=pl.len()),
            ]  # fmt: skip
        return pl.concat(found)

    def _in_scopes(self, rows: pl.LazyFrame, window: int | None, **values: pl.Expr) -> pl.LazyFrame:
        """Values by scene, added up. A community that is no scene lies in none."""
        by_scene = rows.group_by("scene_id").agg(
            **{name: value.cast(pl.Int64) for name, value in values.items()}
        )
        is_scene = self._scenes.select("id", known="id")
        by_scene = by_scene.join(is_scene, left_on="scene_id", right_on="id", how="left")
        by_scene = by_scene.with_columns(scene_id="known").drop("known")
        return _long(self._scoped(by_scene).group_by(KEY).agg(col(list(values)).sum()), window)


def _long(values: pl.LazyFrame, window: int | None) -> pl.LazyFrame:
    rows = values.unpivot(index=KEY, variable_name="metric").with_columns(col("value").cast(pl.Int64))
    return rows.with_columns(window_days=pl.lit(window, pl.Int64))


def _within(points: str, cap: str, keys: list[str]) -> pl.Expr:
    """What of each claim fits, in their order. What takes points away takes no room and is never cut."""
    claimed = col(points).clip(0)
    room = (col(cap).fill_null(NEVER_CAPPED) - (claimed.cum_sum().over(keys) - claimed)).clip(0)
    return pl.when(col(points) < 0).then(points).otherwise(pl.min_horizontal(claimed, room))


def _responses(heard: pl.LazyFrame) -> pl.LazyFrame:
    """Every ADD that follows another's BLAST of the signal in time, with the latest such BLAST."""
    blasts = heard.filter(col("type") == "BLAST").select(
        "signalId", blasted_at="createdAt", blaster="userId", blast="id"
    )
    pairs = heard.filter(col("type") == "ADD").join(blasts, on="signalId")
    waited = col("createdAt") - col("blasted_at")
    in_time = (waited > dt.timedelta(0)) & (waited <= RESPONSE_WINDOW)
    pairs = pairs.filter(in_time & (col("userId") != col("blaster")))
    return pairs.sort("blasted_at", "blast").unique("id", keep="last")


def _acts(rule: str, rows: pl.LazyFrame, columns: dict[str, str]) -> pl.LazyFrame:
    kinds = {"points": pl.Int64, "reversed_at": pl.Datetime("ms")}
    return rows.select(
        pl.lit(rule).alias("rule_id"),
        *(
            (col(columns[name]) if name in columns else pl.lit(None, kinds.get(name, pl.String))).alias(name)
            for name in COLUMNS
        ),
    )
