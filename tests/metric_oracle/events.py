"""Events: how many there are, who makes them, who comes, where they are, and what is heard afterwards."""

from collections.abc import Collection, Iterator
from decimal import ROUND_FLOOR, Decimal

import pandas as pd

from metric_oracle.artists import ended_events, events_created
from metric_oracle.base import (
    DAY,
    WEEK,
    Cell,
    Night,
    Scope,
    Window,
    distinct,
    divided,
    once,
    oracle,
    pearson,
    ratio,
)

SOME_TIME = (30, 90)
CORRELATION_MIN_WEEKS = 8
CHANGE_DAYS = 14
CELL_DEGREES = Decimal("0.1")
ATTENDED = ("event_attendances",)


def here(scope: Scope, events: pd.DataFrame) -> pd.DataFrame:
    """Those of the scope's scenes."""
    return events[scope.has(events["communityId"])]


@once
def verified(night: Night) -> pd.DataFrame:
    """Rows of verified attendance that were checked in before as-of."""
    return night.attendances[night.attendances["is_verified"]]


def attendances_of(night: Night, events: Collection[str]) -> pd.DataFrame:
    """The verified attendances at these events before as-of, each once."""
    rows = verified(night)
    return rows[rows["eventId"].isin(events)].drop_duplicates(["eventId", "userId"])


# V.A event structure


@oracle("events_created")
def created(night: Night, scope: Scope, window: Window) -> Iterator[Cell]:
    events = here(scope, events_created(night, window))
    yield Cell(len(events), people=distinct(events["createdById"]))
    for artist, theirs in events.dropna(subset=["artistBandId"]).groupby("artistBandId"):
        makers = distinct(theirs["createdById"])
        yield Cell(len(theirs), people=makers, subject_type="artist", subject_id=artist)


def share_attended(night: Night, events: pd.DataFrame) -> float | None:
    """The share of the events with any row of attendance; none while there never were such rows."""
    if not night.delivered("event_attendances"):
        return None
    return divided(int(events["id"].isin(night.rows("event_attendances")["eventId"]).sum()), len(events))


@oracle("events_hosted")
def events_hosted(night: Night, scope: Scope, window: Window) -> Cell:
    events = here(scope, ended_events(night, window))
    return Cell(len(events), coverage=share_attended(night, events))


@oracle("events_per_artist", SOME_TIME)
def events_per_artist(night: Night, scope: Scope, window: Window) -> Cell:
    ours, events = night.of_scope(scope), events_created(night, window)
    return ratio(int(events["artistBandId"].isin(ours).sum()), len(ours))


@oracle("events_per_100_members", SOME_TIME)
def events_per_100_members(night: Night, scope: Scope, window: Window) -> Cell:
    members, events = night.members(scope), here(scope, events_created(night, window))
    return ratio(100 * len(events), len(members), people=members)


# V.B attendance & verification


@oracle("proof_of_support_verified", needs=("proof_of_support",))
def proof_of_support_verified(night: Night, scope: Scope, window: Window) -> Cell:
    proofs = night.kept("proofs", lambda: _verified_proofs(night))
    proofs = proofs[night.inside(proofs["verifiedAt"], window) & scope.has(proofs["home"])]
    return Cell(len(proofs), people=distinct(proofs["userId"]))


def _verified_proofs(night: Night) -> pd.DataFrame:
    proofs = night.table("proof_of_support")
    return night.at_home(proofs[proofs["status"] == "verified"], "userId", "verifiedAt")


@oracle("verified_attendance", needs=ATTENDED)
def verified_attendance(night: Night, scope: Scope, window: Window) -> Cell:
    rows = verified(night)
    rows = rows[scope.has(rows["scene"]) & night.inside(rows["checkedInAt"], window)]
    return Cell(len(rows.drop_duplicates(["eventId", "userId"])), people=distinct(rows["userId"]))


@oracle("attendance_per_event_avg", (30, 90, None), needs=ATTENDED)
def attendance_per_event_avg(night: Night, scope: Scope, window: Window) -> Cell:
    events = here(scope, ended_events(night, window))
    came = attendances_of(night, events["id"])
    return ratio(len(came), len(events), people=distinct(came["userId"]))


def events_attended(night: Night, scope: Scope, window: Window) -> pd.Series:
    """How many events each member of the scope attended in the window, of those who attended any."""
    rows = verified(night)
    rows = rows[night.inside(rows["checkedInAt"], window) & rows["userId"].isin(night.members(scope))]
    return rows.groupby("userId")["eventId"].nunique()


@oracle("members_attending_share", SOME_TIME, needs=ATTENDED)
def members_attending_share(night: Night, scope: Scope, window: Window) -> Cell:
    came = set(events_attended(night, scope, window).index)
    return ratio(len(came), len(night.members(scope)), people=came)


@oracle("repeat_attendance_rate", (90,), needs=ATTENDED)
def repeat_attendance_rate(night: Night, scope: Scope, window: Window) -> Cell:
    came = events_attended(night, scope, window)
    again = set(came.index[came >= 2])
    return ratio(len(again), len(came), people=again)


@oracle("event_engagement_correlation", (90,))
def event_engagement_correlation(night: Night, scope: Scope, window: int) -> Cell:
    weeks, listens = night.weeks(window), night.listens[scope.has(night.listens["home"])]
    events = here(scope, night.table("events"))
    in_week = [events[_in_week(events["startDate"], monday)] for monday in weeks]
    points = [int(listens["score"][_in_week(listens["createdAt"], monday)].sum()) for monday in weeks]
    value = pearson([len(held) for held in in_week], points) if len(weeks) >= CORRELATION_MIN_WEEKS else None
    heard = distinct(listens["userId"][night.inside(listens["createdAt"], window)])
    coverage = share_attended(night, pd.concat([events[:0], *in_week]))
    return Cell(value, people=heard, coverage=coverage)


def _in_week(times: pd.Series, monday: pd.Timestamp) -> pd.Series:
    return (times >= monday) & (times < monday + WEEK)


@oracle("engagement_change_after_event", (90,), ("city",))
def engagement_change_after_event(night: Night, scope: Scope, window: int) -> Iterator[Cell]:
    ended, span = here(scope, ended_events(night, window)), CHANGE_DAYS * DAY
    naming = ended[ended["artistBandId"].notna()]
    coverage = divided(len(naming), len(ended))
    for event in naming[naming["endDate"] + span <= night.as_of].itertuples():
        heard = night.listens[night.listens["artist"] == event.artistBandId]
        at = heard["createdAt"]
        after = heard[(at >= event.endDate) & (at < event.endDate + span)]
        before = heard[(at >= event.startDate - span) & (at < event.startDate)]
        if after.empty and before.empty:
            continue
        yield Cell(
            int(after["score"].sum() - before["score"].sum()), coverage=coverage, subject_type="event",
            subject_id=event.id, people=min(after["userId"].nunique(), before["userId"].nunique()),
        )  # fmt: skip


# V.C geographic concentration


def cell_of(degrees: float) -> int:
    """The cell that a coordinate lies in, divided as a decimal."""
    return int((Decimal(str(float(degrees))) / CELL_DEGREES).to_integral_value(ROUND_FLOOR))


@oracle("events_by_cell", (90, None))
def events_by_cell(night: Night, scope: Scope, window: Window) -> list[Cell]:
    events = here(scope, night.table("events"))
    events = events[night.inside(events["startDate"], window)]
    cells: dict[str, list[str]] = {}
    for event in events.itertuples():
        cell = f"{cell_of(event.latitude)}|{cell_of(event.longitude)}"
        cells.setdefault(cell, []).append(event.createdById)
    return [Cell(len(makers), bucket=cell, people=set(makers)) for cell, makers in cells.items()]
