"""Visitors: who listens to a scene's tracks without being at home there. The platform has none."""

import pandas as pd

from metric_oracle.base import Cell, Night, Scope, Window, distinct, divided, oracle, ratio

WINDOWS = (7, 30, 90)
TIERS = ("city", "state", "national")


def to_tracks_of(night: Night, scope: Scope, window: Window) -> pd.DataFrame:
    """The listens in the window to tracks of the scope's scenes; `is_visit` if by people not at home here."""
    rows = night.listens
    rows = rows[night.inside(rows["createdAt"], window) & scope.has(rows["scene"])]
    return rows.assign(is_visit=~scope.has(rows["home"]))


def visits(night: Night, scope: Scope, window: Window) -> pd.DataFrame:
    """Those by people not at home here."""
    rows = to_tracks_of(night, scope, window)
    return rows[rows["is_visit"]]


def placed_listens(night: Night, window: Window) -> float | None:
    """The share of all listens whose track has a tier-city scene."""
    rows = night.listens
    rows = rows[night.inside(rows["createdAt"], window)]
    return divided(int(rows["scene"].isin(night.scenes.index).sum()), len(rows))


@oracle("visitors", WINDOWS, TIERS)
def visitors(night: Night, scope: Scope, window: Window) -> Cell:
    """How many people visited."""
    people = distinct(visits(night, scope, window)["userId"])
    return Cell(len(people), coverage=placed_listens(night, window), people=people)


@oracle("visitor_density", WINDOWS, TIERS)
def visitor_density(night: Night, scope: Scope, window: int) -> Cell:
    """The visitors of each day added up, for each day and member."""
    rows = visits(night, scope, window)
    days = set(zip(rows["userId"], rows["createdAt"].dt.date, strict=True))
    return ratio(
        len(days),
        window * len(night.members(scope)),
        coverage=placed_listens(night, window),
        people=distinct(rows["userId"]),
    )


@oracle("visitor_to_local_ratio", WINDOWS, TIERS)
def visitor_to_local_ratio(night: Night, scope: Scope, window: Window) -> Cell:
    """Visitors for each person at home who listened to the same scenes' tracks."""
    rows = to_tracks_of(night, scope, window)
    visitors = rows["userId"][rows["is_visit"]].nunique()
    locals_ = rows["userId"][~rows["is_visit"]].nunique()
    return ratio(visitors, locals_, coverage=placed_listens(night, window), people=min(visitors, locals_))


@oracle("visitor_action_rate", WINDOWS, TIERS)
def visitor_action_rate(night: Night, scope: Scope, window: Window) -> Cell:
    """Adds and blasts of visitors on signals of the scope's scenes, for each visitor."""
    people = distinct(visits(night, scope, window)["userId"])
    rows = night.actions
    rows = rows[night.inside(rows["createdAt"], window) & rows["type"].isin(["ADD", "BLAST"])]
    of_visitors = rows[scope.has(rows["scene"]) & rows["userId"].isin(people)]
    return ratio(
        len(of_visitors),
        len(people),
        coverage=divided(int(rows["scene"].isin(night.scenes.index).sum()), len(rows)),
        people=distinct(of_visitors["userId"]),
    )
