"""The trends and screens a second time, in pandas, from the delivered files and the tables' sentences.

Nothing here reads the warehouse or its SQL but for the ledger, which has a second calculation of its own
(`oracles.py`), and what `artist_analytics` shows. Nothing is withheld.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, product
from typing import Any

import pandas as pd
from metric_oracle.artists import all_tours
from metric_oracle.base import DAY, IN_COMMON, WEEK, WINDOWS, Night, Scope, distinct, divided

Row = dict[str, Any]
Rows = list[Row]
Day = dt.date

LISTENS = {
    "full_listens": "full",
    "majority_listens": "majority",
    "partial_listens": "partial",
    "skips": "skip",
}
OF_ARTISTS = ["artist", "artistBand", "band"]
TIMELINE_BINS = (5, 20, 80)
POINT_TYPES = (
    "blast", "support", "attendance", "project", "proof_of_support", "pioneering", "adjustment",
)  # fmt: skip
PARTICIPATION = (
    "projects", "project_supports", "proof_of_support", "pioneer_referrals", "community_activation_audits",
    "activity_point_adjustments",
)  # fmt: skip
COHORT_MONTHS = (1, 2, 3, 6, 12)
# The windows in which the registry does not count a number of an artist.
UNCOUNTED: dict[str, tuple[int | None, ...]] = {
    "adds": (7,), "adders": (7,), "followers": (7,), "attendees": (7,), "attendance": (7, 30),
    "repeat_attendees": (7, 30), "aware_people": (7, None),
}  # fmt: skip


def name_of(scope: Scope) -> str:
    """What a scope is called where two tables are compared."""
    return " | ".join([scope.tier, *(str(part) for part in scope.place), str(scope.is_unscoped)])


def began(times: pd.Series, period: str) -> pd.Series:
    """The first day of the day, week or month of each time."""
    days = times.dt.normalize()
    if period == "week":
        return days - pd.to_timedelta(days.dt.day_of_week, unit="D")
    return days.dt.to_period("M").dt.start_time if period == "month" else days


def following(start: pd.Timestamp, period: str, number: int = 1) -> pd.Timestamp:
    """The first day after so many periods."""
    return start + (number * WEEK if period == "week" else pd.DateOffset(months=number))


@dataclass
class Tables:
    """What the answers take from the warehouse."""

    points: pd.DataFrame
    cities_shown: pd.DataFrame
    point_rules: pd.DataFrame
    labels: dict[str, str]


class Trends:
    """The answers of one night, table by table."""

    def __init__(self, night: Night, tables: Tables) -> None:
        """Nothing is worked out before it is asked for."""
        self.night, self.tables = night, tables
        self.as_of = night.as_of
        self.city = {scope.place[0]: scope for scope in night.scopes if scope.tier == "city"}

    # Time

    @cached_property
    def first_day(self) -> pd.Timestamp:
        """The first day with an act, a listen or an event, or with a song that entered rotation."""
        night = self.night
        events = night.table("events")
        times = [night.activity["at"], events["createdAt"], events["endDate"], self.entered["enteredPoolAt"]]
        known = pd.concat([*times, *(night.rows(table)["createdAt"] for table in PARTICIPATION)])
        return known[known < self.as_of].min().normalize()

    def starts(self, period: str) -> list[pd.Timestamp]:
        """The first days of the periods that have ended by as-of."""
        start, found = began(pd.Series([self.first_day]), period)[0], []
        while following(start, period) <= self.as_of:
            found.append(start)
            start = following(start, period)
        return found

    # What happened

    @cached_property
    def points(self) -> pd.DataFrame:
        return self.tables.points

    @cached_property
    def follow_pairs(self) -> pd.DataFrame:
        """Each pair on the first day, in the scene that any of its rows names."""
        rows = self.night.follows.sort_values("createdAt", kind="stable")
        scenes = rows.dropna(subset=["scene"]).drop_duplicates("pair").set_index("pair")["scene"].to_dict()
        rows = rows.drop_duplicates("pair")
        return rows.assign(scene=pd.Series([scenes.get(p) for p in rows["pair"]], rows.index, dtype=object))

    @cached_property
    def came(self) -> pd.DataFrame:
        """Each verified attendance, at its first check-in."""
        rows = self.night.attendances
        rows = rows[rows["is_verified"]].sort_values("checkedInAt", kind="stable")
        return rows.drop_duplicates(["eventId", "userId"])

    @cached_property
    def entered(self) -> pd.DataFrame:
        """Songs in each scene whose rotation they entered, at their first entry."""
        entries = self.night.rotation[self.night.rotation["enteredPoolAt"] < self.as_of]
        return entries.sort_values("enteredPoolAt").drop_duplicates(["sceneId", "trackId"])

    @cached_property
    def artist_follows(self) -> pd.DataFrame:
        rows = self.night.follows
        rows = rows[rows["entityType"].isin(OF_ARTISTS)]
        return rows.assign(artist=rows["entityId"])

    def or_null(self, table: str, number: float) -> float | None:
        """The number, or null where the export never arrived."""
        return number if self.night.delivered(table) else None

    def things(self, scope: Scope, period: str) -> dict[pd.Timestamp, Row]:
        """What happened in each period, of all that concerns no people."""
        night, events = self.night, self.night.table("events")
        actions, points = night.actions, self.points
        created, ended = (events[events[at] < self.as_of] for at in ("createdAt", "endDate"))

        def counted(rows: pd.DataFrame, at: str, scene: str) -> dict[pd.Timestamp, int]:
            here = rows[scope.has(rows[scene])]
            return here.groupby(began(here[at], period)).size().to_dict()

        earned = points[scope.has(points["scene_id"])]
        of_type = {kind: actions[actions["type"] == kind] for kind in ("ADD", "BLAST", "RECOMMEND")}
        numbers = {
            "votes": (counted(night.votes, "createdAt", "sceneId"), "track_votes"),
            "adds": (counted(of_type["ADD"], "createdAt", "scene"), "signal_actions"),
            "blasts": (counted(of_type["BLAST"], "createdAt", "scene"), "signal_actions"),
            "recommends": (counted(of_type["RECOMMEND"], "createdAt", "scene"), "signal_actions"),
            "signal_actions": (
                counted(actions[actions["signal_type"] != "flyer"], "createdAt", "scene"), "signal_actions"
            ),
            "events_created": (counted(created, "createdAt", "communityId"), "events"),
            "events_hosted": (counted(ended, "endDate", "communityId"), "events"),
            "verified_attendance": (counted(self.came, "checkedInAt", "scene"), "event_attendances"),
            "songs_entered_rotation": (counted(self.entered, "enteredPoolAt", "sceneId"), "rotation_entries"),
            "activity_points": (
                earned.groupby(began(earned["occurred_at"], period))["points"].sum().to_dict(), "signals"
            ),
        }  # fmt: skip
        starts = self.starts(period) if period != "day" else pd.date_range(self.first_day, night.day)
        return {
            start: {name: self.or_null(table, by.get(start, 0)) for name, (by, table) in numbers.items()}
            for start in starts
        }

    def listening(self, rows: pd.DataFrame) -> Row:
        """The numbers of these listens."""
        return {
            "engagement_points": int(rows["score"].sum()),
            "listens": len(rows),
            **{name: int((rows["type"] == kind).sum()) for name, kind in LISTENS.items()},
            "listeners": rows["userId"].nunique(),
        }

    # How things stood

    def homes_on(self, day: Day) -> dict[str, "str | None"]:
        """The members of a day, and where they are at home; None where nowhere."""
        nights = self.night.nights("users")
        before = [night for night in nights if night <= day]
        if before:
            return self.night.homes[before[-1]]
        first = self.night.snapshot("users", nights[0])
        there = set(first["id"][first["createdAt"].dt.date <= day])
        return {user: home for user, home in self.night.homes[nights[0]].items() if user in there}

    @cached_property
    def moves(self) -> list[tuple[pd.Timestamp, dict[str, Any], dict[str, Any]]]:
        """The days on which members came, went or moved, with who was there before and who is now."""
        days = pd.date_range(self.starts("month")[0] - WEEK, self.night.day)
        homes = [self.homes_on(day.date()) for day in days]
        return [
            (day, before, now)
            for day, (before, now) in zip(days[1:], pairwise(homes), strict=True)
            if before != now
        ]

    def gone_and_come(self, scope: Scope) -> dict[pd.Timestamp, tuple[set[str], set[str]]]:
        """By day, who ceased to be a member of the scope and who became one."""

        def inside(homes: dict[str, Any]) -> set[str]:
            return {user for user, here in zip(homes, scope.has(list(homes.values())), strict=True) if here}

        found = {}
        for day, before, now in self.moves:
            was, is_ = inside(before), inside(now)
            found[day] = (was - is_, is_ - was)
        return found

    def state(self, scope: Scope, end: pd.Timestamp) -> Row:
        """What snapshots say of the last day before the end."""
        night, day = self.night, (end - DAY).date()
        homes = self.homes_on(day)
        row: Row = {"members": int(scope.has(list(homes.values())).sum())}
        users = [one for one in night.nights("users") if one <= day]
        verified = set()
        if users:
            snapshot = night.snapshot("users", users[-1])
            verified = set(snapshot["id"][snapshot["gpsVerified"]])
        theirs = [home for user, home in homes.items() if user in verified]
        row["gps_verified_members"] = int(scope.has(theirs).sum()) if users else None
        rotations = [one for one in night.nights("rotation_entries") if one <= day]
        row["songs_in_rotation"] = None
        if rotations:
            entries = night.snapshot("rotation_entries", rotations[-1])
            row["songs_in_rotation"] = entries["trackId"][scope.has(entries["sceneId"])].nunique()
        # The registry: rows as of the night, per week the same at its end.
        entries = night.rotation[scope.has(night.rotation["sceneId"])]
        graduated = entries["graduatedAt"]
        odd = (entries["pool"] == "MAIN_ROTATION") & graduated.isna()
        new = (entries["enteredPoolAt"] < end) & (graduated.isna() | (graduated >= end)) & ~odd
        return row | {"active_new_count": int(new.sum())}

    # Trends

    def scene_day(self) -> Iterator[Row]:
        for scope in self.night.scopes:
            for day, things in self.things(scope, "day").items():
                yield {"tier": scope.tier, "scope_id": name_of(scope), "day": day, **things}

    def scene_week(self) -> Iterator[Row]:
        for scope, period in product(self.night.scopes, ("week", "month")):
            rows, activity = self.night.listens, self.night.activity
            heard, active = (all_rows[scope.has(all_rows["home"])] for all_rows in (rows, activity))
            follows = self.follow_pairs[scope.has(self.follow_pairs["scene"])]
            moved = self.gone_and_come(scope)
            for start, things in self.things(scope, period).items():
                end = following(start, period)

                def within(rows: pd.DataFrame, at: str, start: Any = start, end: Any = end) -> pd.DataFrame:
                    return rows[(rows[at] >= start) & (rows[at] < end)]

                followed = within(follows, "createdAt")
                changes = [change for day, change in moved.items() if start <= day < end]
                yield {
                    "period": period, "starts_on": start, "tier": scope.tier, "scope_id": name_of(scope),
                    **self.listening(within(heard, "createdAt")),
                    "active_users": within(active, "at")["person"].nunique(),
                    "follows": self.or_null("follows", len(followed)),
                    "followers": self.or_null("follows", followed["followerId"].nunique()),
                    "departed": len(set().union(*(gone for gone, _ in changes))),
                    "joined": len(set().union(*(come for _, come in changes))),
                    **things,
                    **self.state(scope, end),
                }  # fmt: skip

    def of_artists(
        self, scope: Scope, period: str
    ) -> dict[tuple[pd.Timestamp, str], dict[str, pd.DataFrame]]:
        """By period and artist, what people at home in the scope heard and did."""
        night = self.night
        actions = night.actions
        kinds = {
            "heard": (night.listens, "createdAt"),
            "adds": (actions[actions["type"] == "ADD"], "createdAt"),
            "blasts": (actions[actions["type"] == "BLAST"], "createdAt"),
            "follows": (
                self.artist_follows[self.artist_follows["artist"].isin(night.artists["id"])],
                "createdAt",
            ),
            "came": (self.came[self.came["artist"].isin(night.artists["id"])], "checkedInAt"),
        }
        found: dict[tuple[pd.Timestamp, str], dict[str, pd.DataFrame]] = {}
        for kind, (rows, at) in kinds.items():
            here = rows[scope.has(rows["home"]) & rows["artist"].notna()]
            here = here.assign(start=began(here[at], period))
            for (start, artist), theirs in here.groupby(["start", "artist"]):
                empty = {other: of_all[:0] for other, (of_all, _) in kinds.items()}
                found.setdefault((start, artist), empty)[kind] = theirs
        return found

    def audience(self, rows: dict[str, pd.DataFrame]) -> Row:
        """The numbers of one artist's audience."""
        return {
            **self.listening(rows["heard"]),
            "adds": len(rows["adds"]),
            "adders": rows["adds"]["userId"].nunique(),
            "blasts": len(rows["blasts"]),
            "followers": self.or_null("follows", rows["follows"]["followerId"].nunique()),
            "attendance": self.or_null("event_attendances", len(rows["came"])),
            "attendees": self.or_null("event_attendances", rows["came"]["userId"].nunique()),
        }

    @cached_property
    def names(self) -> dict[str, str]:
        return self.night.artists.set_index("id")["name"].to_dict()

    def artist_week(self) -> Iterator[Row]:
        scopes = [scope for scope in self.night.scopes if scope.tier in ("state", "platform")]
        for scope, period in product(scopes, ("week", "month")):
            ended = set(self.starts(period))
            for (start, artist), rows in self.of_artists(scope, period).items():
                if start in ended and artist in self.names:
                    yield {
                        "period": period, "starts_on": start, "tier": scope.tier, "scope_id": name_of(scope),
                        "artist_band_id": artist, "artist_name": self.names[artist], **self.audience(rows),
                    }  # fmt: skip

    def track_week(self) -> Iterator[Row]:
        night = self.night
        artist_of = night.table("tracks").set_index("id")["artistBandId"].to_dict()
        for period in ("week", "month"):
            heard, voted = (
                rows.assign(start=began(rows["createdAt"], period)) for rows in (night.listens, night.votes)
            )
            keys = {tuple(key) for rows in (heard, voted) for key in rows[["start", "trackId"]].to_numpy()}
            heard_of = dict(list(heard.groupby(["start", "trackId"])))
            voted_of = voted.groupby(["start", "trackId"]).size().to_dict()
            for start, track in keys:
                if track in artist_of and following(pd.Timestamp(start), period) <= self.as_of:
                    key = (pd.Timestamp(start), track)
                    yield {
                        "period": period, "starts_on": key[0], "track_id": track,
                        "artist_band_id": artist_of[track],
                        **self.listening(heard_of.get(key, heard[:0])),
                        "votes": self.or_null("track_votes", voted_of.get(key, 0)),
                    }  # fmt: skip

    def markers(self, scope: Scope) -> dict[tuple[pd.Timestamp, str], Row]:
        """By week and artist, how many songs, events and tours of it begin."""
        night, events = self.night, self.night.table("events")
        songs = night.rotation[scope.has(night.rotation["sceneId"])]
        songs = songs[(songs["enteredPoolAt"] < self.as_of) & songs["artist"].isin(night.artists["id"])]
        songs = songs.groupby([began(songs["enteredPoolAt"], "week"), "artist"])["trackId"].nunique()
        events = events[scope.has(events["communityId"]) & events["artistBandId"].isin(night.artists["id"])]
        events = events.groupby([began(events["startDate"], "week"), "artistBandId"]).size()
        tours = pd.DataFrame(all_tours(night), columns=["artist", "first"]).astype(
            {"first": "datetime64[ms]"}
        )
        tours = tours[tours["artist"].isin(night.artists["id"])]
        tours = tours[scope.has(night.look_up(tours["artist"], "artist_bands", "homeSceneId"))]
        tours = tours.groupby([began(tours["first"], "week"), "artist"]).size()
        all_markers = {"release_markers": songs, "event_markers": events, "tour_markers": tours}
        keys = {key for found in all_markers.values() for key in found.index}
        return {key: {name: int(found.get(key, 0)) for name, found in all_markers.items()} for key in keys}

    def artist_timeline(self) -> Iterator[Row]:
        night = self.night
        for scope in night.scopes:
            acts, markers = self.of_artists(scope, "week"), self.markers(scope)
            heard = night.listens[scope.has(night.listens["home"])]
            heard = heard.groupby(began(heard["createdAt"], "week"))["userId"].agg(distinct).to_dict()
            adds = night.actions[(night.actions["type"] == "ADD") & scope.has(night.actions["home"])]
            adds = adds.groupby(began(adds["createdAt"], "week"))["artist"].agg(lambda a: a.notna().mean())
            made = night.artists.set_index("id")["createdAt"]
            for start, artist in acts.keys() | markers.keys():
                has_ended = start + WEEK <= self.as_of
                if (not has_ended and (start, artist) not in markers) or artist not in self.names:
                    continue
                row: Row = {
                    "artist_band_id": artist, "artist_name": self.names[artist], "tier": scope.tier,
                    "scope_id": name_of(scope), "starts_on": start,
                    **dict.fromkeys(("listens", "adds", "blasts", "activity_weekly_band", "coverage")),
                    **dict.fromkeys(("awareness_weekly", "aware_listeners", "scope_listeners")),
                    **markers.get((start, artist), dict.fromkeys(self.MARKERS, 0)),
                }  # fmt: skip
                if has_ended:
                    row["blasts"] = 0
                # Where nobody did anything, numbers of people are null, as where few did.
                if has_ended and (rows := acts.get((start, artist))):
                    here = heard.get(start, set())
                    aware = distinct(rows["follows"]["followerId"]) | distinct(rows["adds"]["userId"])
                    aware = (aware | distinct(rows["came"]["userId"])) & here
                    numbers = {"listens": "heard", "adds": "adds", "blasts": "blasts"}
                    row |= {name: len(rows[kind]) for name, kind in numbers.items()}
                    together = row["listens"] + row["adds"] + row["blasts"]
                    band = 1 + sum(edge <= together for edge in TIMELINE_BINS) if together else 0
                    row |= {"activity_weekly_band": band, "coverage": adds.get(start)}
                    if start + WEEK > made[artist]:
                        row |= {
                            "awareness_weekly": divided(len(aware), len(here)),
                            "aware_listeners": len(aware), "scope_listeners": len(here),
                        }  # fmt: skip
                yield row

    MARKERS = ("release_markers", "event_markers", "tour_markers")

    def event_activity(self) -> Iterator[Row]:
        night = self.night
        blasts = night.actions[night.actions["type"] == "BLAST"]
        checked_in = night.attendances
        first = self.came.groupby("userId")["checkedInAt"].min().to_dict()
        for event in night.table("events").itertuples():
            here = checked_in[checked_in["eventId"] == event.id]
            theirs = self.came[self.came["eventId"] == event.id]
            people = {
                "attendance_by_qr_scan": distinct(here["userId"][here["method"] == "qr_scan"]),
                "attendance_by_location": distinct(here["userId"][here["method"] == "location"]),
                "attendance_not_verified": distinct(here["userId"][~here["is_verified"]]),
                "verified_attendance": distinct(theirs["userId"]),
                "first_timers": {a.userId for a in theirs.itertuples() if first[a.userId] == a.checkedInAt},
            }
            at = blasts["createdAt"][blasts["artist"] == event.artistBandId]
            yield {
                "event_id": event.id, "scene_id": event.communityId, "artist_band_id": event.artistBandId,
                "created_at": event.createdAt, "starts_at": event.startDate, "ends_at": event.endDate,
                "has_ended": event.endDate < self.as_of,
                **{name: self.or_null("event_attendances", len(who)) for name, who in people.items()},
                "blasts": int(((at >= event.createdAt) & (at < event.endDate)).sum()),
            }  # fmt: skip

    def member_cohort(self) -> Iterator[Row]:
        night, users = self.night, self.night.users
        months = began(users["createdAt"], "month")
        activity = night.activity.assign(month=began(night.activity["at"], "month"))
        active = activity.groupby("month")["person"].agg(distinct).to_dict()
        points = self.points.groupby("user_id")["points"].sum()
        for scope in night.scopes:
            here = users[scope.has(users["home"])]
            for month, cohort in here.groupby(months):
                people = set(cohort["id"])
                row = {
                    "tier": scope.tier, "scope_id": name_of(scope), "joined_month": month, "size": len(people)
                }  # fmt: skip
                for later in COHORT_MONTHS:
                    then = following(month, "month", later)
                    back = len(people & active.get(then, set()))
                    has_ended = following(then, "month") <= self.as_of
                    row[f"active_after_{later}m"] = back if has_ended else None
                yield row | {"activity_points": int(points[points.index.isin(people)].sum())}

    def release_activity(self) -> Iterator[Row]:
        night = self.night
        tracks = night.table("tracks").set_index("id")
        delivered = night.nights("rotation_entries")
        held = {one: set(night.snapshot("rotation_entries", one)["id"]) for one in delivered}
        weeks = {
            (row["starts_on"], row["track_id"]): row for row in self.track_week() if row["period"] == "week"
        }
        ever = night.rows("rotation_entries")
        ever = ever[ever["sceneId"].isin(night.scenes.index) & (ever["enteredPoolAt"] < self.as_of)]
        for entry in ever.itertuples():
            track = tracks.loc[entry.trackId] if entry.trackId in tracks.index else None
            there = [one for one in delivered if entry.id in held[one]]
            missing = [one for one in delivered if one > there[-1]]
            entered = entry.enteredPoolAt.normalize()
            monday = entered + ((7 - entered.weekday()) % 7) * DAY
            week = weeks.get((monday, entry.trackId), {})
            votes = night.votes
            votes = votes[(votes["trackId"] == entry.trackId) & (votes["sceneId"] == entry.sceneId)]
            graduated = entry.graduatedAt
            yield {
                "rotation_entry_id": entry.id, "track_id": entry.trackId,
                "track_title": None if track is None else track["title"],
                "artist_band_id": None if track is None else track["artistBandId"],
                "artist_name": None if track is None else self.names.get(track["artistBandId"]),
                "scene_id": entry.sceneId, "entered_pool_at": entry.enteredPoolAt, "graduated_at": graduated,
                "gone_on": pd.Timestamp(missing[0]) if missing else None,
                "days_to_graduation": None if pd.isna(graduated) else (graduated.normalize() - entered).days,
                "first_week_on": monday if monday + WEEK <= self.as_of else None,
                "first_week_listens": week.get("listens"), "first_week_listeners": week.get("listeners"),
                "votes": self.or_null("track_votes", len(votes)),
            }  # fmt: skip

    # Screens

    def blast_conversion(self) -> Iterator[Row]:
        actions = self.night.actions
        adds = actions[actions["type"] == "ADD"]
        blasts = actions[actions["type"] == "BLAST"]

        def is_converted(blast: Any) -> bool:
            later = adds[(adds["signalId"] == blast.signalId) & (adds["userId"] != blast.userId)]["createdAt"]
            return bool(((later >= blast.createdAt) & (later <= blast.createdAt + WEEK)).any())

        blasts = blasts.assign(converted=[is_converted(blast) for blast in blasts.itertuples()])
        platform = next(scope for scope in self.night.scopes if scope.tier == "platform")
        for window in WINDOWS:
            inside = blasts[self.night.inside(blasts["createdAt"], window)]
            groups = [(scope, None, inside[scope.has(inside["scene"])]) for scope in self.night.scopes]
            groups += [(platform, artist, theirs) for artist, theirs in inside.groupby("artist")]
            adders = distinct(adds["artist"][self.night.inside(adds["createdAt"], window)])
            for scope, artist, rows in groups:
                if len(rows):
                    # An artist's are shown where its ADDs are, which nobody counts in a week.
                    is_shown = artist is None or (window != 7 and artist in adders)
                    converted = int(rows["converted"].sum()) if is_shown else None
                    yield {
                        "tier": scope.tier, "scope_id": name_of(scope), "artist_band_id": artist,
                        "window_days": window, "blasts": len(rows), "converted_blasts": converted,
                        "conversion": converted / len(rows) if is_shown else None,
                    }  # fmt: skip

    def artist_total(self) -> Iterator[Row]:
        night = self.night
        tracks, actions, shown = night.table("tracks"), night.actions, self.tables.cities_shown
        of_weeks = {
            (row["starts_on"], row["artist_band_id"]): row["listens"]
            for row in self.artist_week()
            if row["period"] == "week" and row["tier"] == "platform"
        }
        last_week, week_before = self.starts("week")[-1:-3:-1]
        votes = night.votes.assign(artist=night.look_up(night.votes["trackId"], "tracks", "artistBandId"))
        verified = night.attendances[night.attendances["is_verified"]]

        def of(rows: pd.DataFrame, artist: str, window: "int | None" = None, at: str = "createdAt") -> Any:
            return rows[(rows["artist"] == artist) & night.inside(rows[at], window)]

        for artist, window in product(self.names, WINDOWS):
            heard = of(night.listens, artist, window)
            adds, blasts = (of(actions[actions["type"] == k], artist, window) for k in ("ADD", "BLAST"))
            follows = of(self.artist_follows, artist, window)
            came = of(verified, artist, window, "checkedInAt").drop_duplicates(["eventId", "userId"])
            events = came.groupby("userId")["eventId"].nunique()
            aware = distinct(follows["followerId"]) | distinct(adds["userId"]) | distinct(came["userId"])
            window_of_shown = (
                shown["window_days"].isna() if window is None else shown["window_days"] == window
            )
            places = shown[(shown["artist_band_id"] == artist) & window_of_shown & shown["listens"].notna()]
            people = {
                **{k: self.listening(heard)[k] for k in ("engagement_points", "listens", "listeners")},
                "adds": len(adds), "adders": adds["userId"].nunique(),
                "followers": follows["followerId"].nunique(),
                "attendance": len(came), "attendees": len(events),
                "repeat_attendees": int((events >= 2).sum()),
                "aware_people": len(aware),
            }  # fmt: skip
            # Whoever did nothing is told as few are; and a metric has but the windows of the registry.
            is_there = {name: window in UNCOUNTED.get(name, ()) for name in people}
            are_heard = {name: len(heard) for name in ("engagement_points", "listens", "listeners")}
            yield {
                "as_of_date": pd.Timestamp(night.day), "artist_band_id": artist,
                "artist_name": self.names[artist], "window_days": window, "blasts": len(blasts),
                "listens_last_week": of_weeks.get((last_week, artist)),
                "listens_week_before": of_weeks.get((week_before, artist)),
                **{
                    name: None if is_there[name] or not are_heard.get(name, number) else number
                    for name, number in people.items()
                },
                "votes": self.or_null("track_votes", len(of(votes, artist, window))),
                "cities": len(places.dropna(subset=["city"])[["state", "city"]].drop_duplicates()),
                "states": places["state"].nunique(),
                "songs": int(((tracks["artistBandId"] == artist) & (tracks["status"] == "ready")).sum()),
            }  # fmt: skip

    def plot_statistics(self) -> Iterator[Row]:
        """The columns that are new: names, and the week before."""
        night = self.night
        communities = night.table("communities").rename(columns={"musicCommunity": "music_community"})
        of_city = communities[communities["tier"] == "city"]
        actions = night.actions[night.actions["signal_type"] != "flyer"]
        actions = actions[night.before(actions["createdAt"], 7)]
        points = self.points[night.before(self.points["occurred_at"], 7)]
        for scene, tier in product(communities.to_dict("records"), IN_COMMON):
            there = {scene["id"]}
            if tier != "city":
                parts = IN_COMMON[tier]
                same = [tuple(p) == tuple(scene[c] for c in parts) for p in of_city[parts].to_numpy()]
                there = set(of_city["id"][same])
            yield {
                "scene_id": scene["id"], "tier_scope": tier, "scene_name": scene["name"],
                "state": scene["state"], "city": scene["city"], "music_community": scene["music_community"],
                "signal_actions_7d_before": int(actions["scene"].isin(there).sum()),
                "activity_score_7d_before": int(points["points"][points["scene_id"].isin(there)].sum()),
            }  # fmt: skip

    def member_profile(self) -> Iterator[Row]:
        night = self.night
        items = night.rows("collection_items")
        items = items[items["createdAt"] < self.as_of]
        owner = night.rows("collections").set_index("id")["userId"].to_dict()
        artist = night.signals.set_index("id")["artist"].to_dict()
        items = items.assign(
            owner=[owner.get(one) for one in items["collectionId"]],
            artist=pd.Series([artist.get(one) for one in items["signalId"]], items.index, dtype=object),
        )
        home_of = night.artists.set_index("id")["homeSceneId"].to_dict()
        for user in night.users.itertuples():
            points = self.points[self.points["user_id"] == user.id]
            awards = points[points["reverses_activity_point_id"].isna()]
            row = {
                "as_of_date": pd.Timestamp(night.day), "user_id": user.id, "home_scene_id": user.home,
                "home_scene": self.tables.labels.get(user.home), "member_since": user.createdAt,
            }  # fmt: skip
            for window in WINDOWS:
                name = "all_time" if window is None else f"{window}d"
                inside = points[night.inside(points["occurred_at"], window)]
                row[f"points_{name}"] = int(inside["points"].sum())
                for kind in POINT_TYPES:
                    of_kind = inside["points"][inside["activity_type"] == kind]
                    row[f"{kind}_points_{name}"] = int(of_kind.sum())
            theirs = items[items["owner"] == user.id]
            named = distinct(theirs["artist"])
            collected = {one for one in named if user.home is not None and home_of.get(one) == user.home}
            yield row | {
                "awards": len(awards),
                "first_activity_at": awards["occurred_at"].min(),
                "last_activity_at": awards["occurred_at"].max(),
                "collected_artists": self.or_null("collection_items", len(collected)),
                "collected_artists_coverage": divided(int(theirs["artist"].notna().sum()), len(theirs)),
            }

    def member_point_source(self) -> Iterator[Row]:
        rules = self.tables.point_rules.set_index(["policy_version", "rule_id"])["description"].to_dict()
        taken_back = set(self.points["reverses_activity_point_id"].dropna())
        for row in self.points.dropna(subset=["user_id"]).to_dict("records"):
            same = (
                "activity_point_id", "user_id", "occurred_at", "points", "activity_type", "rule_id",
                "policy_version", "scene_id", "source_table", "source_id", "reverses_activity_point_id",
            )  # fmt: skip
            yield {name: row[name] for name in same} | {
                "rule": rules[row["policy_version"], row["rule_id"]],
                "scene": self.tables.labels.get(row["scene_id"]),
                "is_taken_back": row["activity_point_id"] in taken_back,
            }


# By table, what makes a row, and the answer.
ANSWERS: dict[str, tuple[list[str], Callable[[Trends], Iterator[Row]]]] = {
    "scene_day": (["scope_id", "day"], Trends.scene_day),
    "scene_week": (["period", "starts_on", "scope_id"], Trends.scene_week),
    "artist_week": (["period", "starts_on", "scope_id", "artist_band_id"], Trends.artist_week),
    "track_week": (["period", "starts_on", "track_id"], Trends.track_week),
    "artist_timeline": (["artist_band_id", "scope_id", "starts_on"], Trends.artist_timeline),
    "event_activity": (["event_id"], Trends.event_activity),
    "member_cohort": (["scope_id", "joined_month"], Trends.member_cohort),
    "release_activity": (["rotation_entry_id"], Trends.release_activity),
    "blast_conversion": (["scope_id", "artist_band_id", "window_days"], Trends.blast_conversion),
    "artist_total": (["artist_band_id", "window_days"], Trends.artist_total),
    "plot_statistics": (["scene_id", "tier_scope"], Trends.plot_statistics),
    "member_profile": (["user_id"], Trends.member_profile),
    "member_point_source": (["activity_point_id"], Trends.member_point_source),
}
