"""Growth: a window and the window before, two snapshots, and what new people come to."""

import datetime as dt

import pandas as pd

from metric_oracle.base import Cell, Day, Night, Scope, Window, distinct, oracle, ratio, whole_days
from metric_oracle.listening import heard, heard_before, listeners, points
from metric_oracle.people import newcomers
from metric_oracle.voting import cast_before, cast_here, voters

WINDOWS = (7, 30, 90)


def opening(night: Night, table: str, days: int) -> Day | None:
    """The night before the window, or the first delivered after it."""
    eve = night.day - dt.timedelta(days=days)
    return min((one for one in night.nights(table) if one >= eve), default=None)


def since(night: Night, then: Day, days: int) -> float:
    """How much of the window lies after that night."""
    return min(1, (night.day - then).days / days)


@oracle("net_member_growth", windows=WINDOWS)
def net_member_growth(night: Night, scope: Scope, window: int) -> Cell | None:
    """How many more members there are; the cohort came or went."""
    if (then := opening(night, "users", window)) is None:
        return None
    homes = night.homes[then]
    before = {user for user, here in zip(homes, scope.has(list(homes.values())), strict=True) if here}
    now = night.members(scope)
    return Cell(len(now) - len(before), coverage=since(night, then, window), people=before ^ now)


@oracle("net_artist_growth", windows=WINDOWS)
def net_artist_growth(night: Night, scope: Scope, window: int) -> Cell | None:
    """How many more artists there are."""
    if (then := opening(night, "artist_bands", window)) is None:
        return None
    before = night.snapshot("artist_bands", then)
    there = int(scope.has(before["homeSceneId"]).sum())
    return Cell(len(night.of_scope(scope)) - there, coverage=since(night, then, window))


def grown(now: int, before: int, **more: object) -> Cell:
    """The difference by what was before."""
    return ratio(now - before, before, **more)


@oracle("engagement_growth_rate", windows=WINDOWS)
def engagement_growth_rate(night: Night, scope: Scope, window: int) -> Cell:
    """The growth of the points of people at home."""
    now, before = heard(night, scope, window), heard_before(night, scope, window)
    people = min(len(listeners(now)), len(listeners(before)))
    return grown(points(now), points(before), people=people)


@oracle("vote_growth_rate", windows=WINDOWS)
def vote_growth_rate(night: Night, scope: Scope, window: int) -> Cell:
    """The growth of the votes in the scope."""
    now, before = cast_here(night, scope, window), cast_before(night, scope, window)
    return grown(len(now), len(before), people=min(len(voters(now)), len(voters(before))))


@oracle("event_growth_rate", windows=WINDOWS)
def event_growth_rate(night: Night, scope: Scope, window: int) -> Cell:
    """The growth of the events made in the scope."""
    events = night.table("events")
    made = events["createdAt"][scope.has(events["communityId"])]
    return grown(int(night.inside(made, window).sum()), int(night.before(made, window).sum()))


@oracle("sect_formation_rate", windows=(30, 90))
def sect_formation_rate(night: Night, scope: Scope, window: int) -> Cell:
    """Sects and tags formed in the window, for each that was there before."""
    rows = pd.concat(
        [night.table(table)[["parentCommunityId", "createdAt"]] for table in ("sect_tags", "sects")]
    )
    made = rows["createdAt"][scope.has(rows["parentCommunityId"])]
    return ratio(int(night.inside(made, window).sum()), int((made < night.since(window)).sum()))


def firsts(night: Night, scope: Scope, window: Window, first: pd.Series) -> tuple[pd.DataFrame, pd.Series]:
    """The new people of the window who did it, and after how many days for the first time."""
    new = newcomers(night, scope, window)
    new = new[new["id"].isin(first.index)]
    did = pd.Series([first[user] for user in new["id"]], new.index, dtype="datetime64[ms]")
    return new, whole_days(new["createdAt"], did)


def first_votes(night: Night) -> pd.Series:
    """By person, the first vote anywhere."""
    return night.votes.groupby("userId")["createdAt"].min()


@oracle("days_to_first_vote_avg", windows=(90, None))
def days_to_first_vote_avg(night: Night, scope: Scope, window: Window) -> Cell:
    """Days from signing up to the first vote, of those who voted."""
    new, days = firsts(night, scope, window, first_votes(night))
    return ratio(int(days.sum()), len(new), people=distinct(new["id"]))


@oracle("never_voted_share", windows=(90, None))
def never_voted_share(night: Night, scope: Scope, window: Window) -> Cell:
    """New people who never voted."""
    new = distinct(newcomers(night, scope, window)["id"])
    never = new - set(first_votes(night).index)
    return ratio(len(never), len(new), people=never)


@oracle("days_to_first_attendance_avg", windows=(90, None), needs=("event_attendances",))
def days_to_first_attendance_avg(night: Night, scope: Scope, window: Window) -> Cell:
    """Days from signing up to the first verified attendance, of those who attended."""
    rows = night.attendances[night.attendances["is_verified"]]
    new, days = firsts(night, scope, window, rows.groupby("userId")["checkedInAt"].min())
    return ratio(int(days.sum()), len(new), people=distinct(new["id"]))
