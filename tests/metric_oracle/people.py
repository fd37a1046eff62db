"""People: who belongs to a scope, who is new or gone, and how densely they act."""

import pandas as pd

from metric_oracle.base import (
    POINT_IN_TIME,
    Cell,
    Night,
    Scope,
    Window,
    distinct,
    divided,
    once,
    oracle,
    ratio,
    whole_days,
)

OFTEN_ACTIONS = 3


@oracle("members", windows=POINT_IN_TIME)
def members(night: Night, scope: Scope, _: Window) -> Cell:
    """How many people have their home scene here."""
    people = night.members(scope)
    return Cell(len(people), people=people)


@oracle("joined_members", windows=POINT_IN_TIME)
def joined_members(night: Night, scope: Scope, _: Window) -> Cell:
    """How many people that are still there have a membership in one of the scenes."""
    people = distinct(night.joined["userId"][scope.has(night.joined["communityId"])])
    return Cell(len(people), people=people)


def verified(night: Night, scope: Scope) -> set[str]:
    """The members whose place is verified."""
    users = night.users
    return distinct(users["id"][users["gpsVerified"] & scope.has(users["home"])])


@oracle("gps_verified_members", windows=POINT_IN_TIME)
def gps_verified_members(night: Night, scope: Scope, _: Window) -> Cell:
    """How many members are verified."""
    people = verified(night, scope)
    return Cell(len(people), people=people)


@oracle("gps_verified_share", windows=POINT_IN_TIME)
def gps_verified_share(night: Night, scope: Scope, _: Window) -> Cell:
    """Verified members among the members."""
    people = verified(night, scope)
    return ratio(len(people), len(night.members(scope)), people=people)


def newcomers(night: Night, scope: Scope, window: Window) -> pd.DataFrame:
    """The members of the scope who signed up in the window."""
    users = night.users
    return users[night.inside(users["createdAt"], window) & scope.has(users["home"])]


@oracle("new_users")
def new_users(night: Night, scope: Scope, window: Window) -> Cell:
    """How many members signed up in the window."""
    people = distinct(newcomers(night, scope, window)["id"])
    return Cell(len(people), people=people)


def ever_seen_acting(night: Night, scope: Scope) -> float | None:
    """The share of the members of whom any act is known."""
    people = night.members(scope)
    return divided(len(people & night.active(None)), len(people))


@oracle("returning_users", windows=(30, 90))
def returning_users(night: Night, scope: Scope, window: int) -> Cell:
    """How many of those active at home were active, anywhere, in the window before."""
    people = night.active(window, scope) & night.active_before(window)
    return Cell(len(people), coverage=ever_seen_acting(night, scope), people=people)


@oracle("churn_rate", windows=(30, 90))
def churn_rate(night: Night, scope: Scope, window: int) -> Cell:
    """Of those active at home in the window before, who is active nowhere in the window."""
    before = night.active_before(window, scope)
    gone = before - night.active(window)
    return ratio(len(gone), len(before), coverage=ever_seen_acting(night, scope), people=gone)


@oracle("member_tenure_days_avg", windows=POINT_IN_TIME)
def member_tenure_days_avg(night: Night, scope: Scope, _: Window) -> Cell:
    """Days since people first joined a scene of the scope."""
    rows = night.joined[scope.has(night.joined["communityId"])]
    first = rows.groupby("userId")["joinedAt"].min()
    days = whole_days(first, pd.Timestamp(night.day))
    return ratio(int(days.sum()), len(first), people=len(first))


@oracle("active_users")
def active_users(night: Night, scope: Scope, window: Window) -> Cell:
    """How many people listened or acted while at home here."""
    people = night.active(window, scope)
    return Cell(len(people), people=people)


@once
def actions_of_members(night: Night, scope: Scope, window: Window) -> pd.Series:
    """By member of the scope who acted in the window, anywhere: how many civic actions."""
    acts = night.civic
    by_person = night.kept(
        "actions",
        lambda: acts[night.inside(acts["at"], window)].groupby("person")["act"].nunique(),
        window,
    )
    return by_person[by_person.index.isin(night.members(scope))]


@oracle("actions_per_member_avg", windows=(7, 30, 90))
def actions_per_member_avg(night: Night, scope: Scope, window: Window) -> Cell:
    """Civic actions for each member."""
    actions = actions_of_members(night, scope, window)
    return ratio(int(actions.sum()), len(night.members(scope)), people=len(actions))


@oracle("members_acting_share", windows=(7, 30, 90))
def members_acting_share(night: Night, scope: Scope, window: Window) -> Cell:
    """Members who acted at all."""
    actions = actions_of_members(night, scope, window)
    return ratio(len(actions), len(night.members(scope)), people=len(actions))


@oracle("members_acting_often_share", windows=(7, 30, 90))
def members_acting_often_share(night: Night, scope: Scope, window: Window) -> Cell:
    """Members who acted often."""
    often = int((actions_of_members(night, scope, window) >= OFTEN_ACTIONS).sum())
    return ratio(often, len(night.members(scope)), people=often)


@oracle("listening_only_share", windows=(7, 30, 90))
def listening_only_share(night: Night, scope: Scope, window: Window) -> Cell:
    """Of the members who listened, anywhere, those who did nothing else."""
    rows = night.listens
    listening = distinct(rows["userId"][night.inside(rows["createdAt"], window)]) & night.members(scope)
    only = listening - set(actions_of_members(night, scope, window).index)
    return ratio(len(only), len(listening), people=only)


@oracle("active_days_per_user_avg", windows=(7, 30, 90))
def active_days_per_user_avg(night: Night, scope: Scope, window: Window) -> Cell:
    """Days on which a person was active at home, for each active user."""
    acts = night.activity
    acts = acts[night.inside(acts["at"], window) & scope.has(acts["home"])]
    days = set(zip(acts["person"], acts["at"].dt.date, strict=True))
    people = night.active(window, scope)
    return ratio(len(days), len(people), people=people)
